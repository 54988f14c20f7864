"""The runtimes whose operators can be timed; adding one is a file and a line here."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from squeezesam.errors import ArtifactError
from squeezesam_benchmarks.profiling.network import ProfiledNetwork
from squeezesam_benchmarks.sessions import Session

PROFILER_MODULES = {
    ".onnx": "squeezesam_benchmarks.profiling.onnx_profiler",
    ".pte": "squeezesam_benchmarks.profiling.executorch_profiler",
}


@dataclass(frozen=True)
class Event:
    """One operator as a runtime's profiler tells of it.

    Attributes:
        durations_us: of each inference.
        inputs: names of the tensors and weights that it takes; empty where nobody says.
        outputs: likewise, that it gives.
    """

    name: str
    kind: str
    durations_us: tuple[float, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


class Tracer(Protocol):
    """A loaded artifact whose runtime writes down how long each operator takes."""

    session: Session

    def events(self, warm_up: int) -> tuple[Event, ...]:
        """Operators in the order in which they ran, without the first inferences.

        Raises:
            ArtifactError: the runtime wrote no operators down.
        """


class Profiler(Protocol):
    """What a module of PROFILER_MODULES offers."""

    DATA_MOVEMENT: Collection[str]

    def traced(self, path: Path, threads: int) -> AbstractContextManager[Tracer]:
        """The artifact, loaded with the runtime's profiler on.

        Raises:
            MissingDependencyError: the runtime is not installed.
        """

    def arithmetic(self, events: Sequence[Event]) -> str:
        """`fp32`, `fp16` or `int8`: that of the convolutions that ran."""

    def find_blocks(
        self, events: Sequence[Event], network: ProfiledNetwork
    ) -> list[str | None] | None:
        """The block of each event, None for one that cannot be placed.

        None where the operators are not the network's.
        """


def find_profiler(path: Path) -> Profiler:
    """The profiler for this kind of file.

    Raises:
        ArtifactError: there is none.
    """
    if path.suffix not in PROFILER_MODULES:
        known = ", ".join(PROFILER_MODULES)
        raise ArtifactError(f"{path.name} cannot be profiled here; give {known}")
    profiler: Profiler = import_module(PROFILER_MODULES[path.suffix])
    return profiler
