"""The runtimes that the host can time; adding one is a file and a line here."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import ArtifactError

FloatArray = NDArray[np.float32]

SESSION_MODULES = {
    ".onnx": "squeezesam_benchmarks.ort_session",
    ".pte": "squeezesam_benchmarks.executorch_session",
    ".safetensors": "squeezesam_benchmarks.torch_session",
}


@dataclass(frozen=True)
class Input:
    """Shape and element type of one input, in numpy's terms."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Session(Protocol):
    """One artifact in one runtime, with the number of threads under control.

    A module of SESSION_MODULES offers `open_session(threads) -> Session`, which imports the runtime
    and sets its threads; `load` alone is timed as loading and `infer` alone as inference.
    """

    runtime: str
    version: str
    backend: str

    def load(self, path: Path) -> None:
        """Make the artifact ready to run."""

    def inputs(self) -> list[Input]:
        """What it takes, in call order; after `load`."""

    def prepare(self, inputs: Sequence[NDArray[Any]]) -> Any:
        """The inputs as `infer` takes them; float32 is converted where the artifact is float16."""

    def infer(self, prepared: Any) -> Any:
        """Run once, to the end; what it gives is only for `outputs`, until the next call."""

    def outputs(self, given: Any) -> list[FloatArray]:
        """The answer as arrays."""


def random_inputs(session: Session) -> list[NDArray[Any]]:
    """Inputs for a loaded session: latency does not depend on their values."""
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, one.shape).astype(one.dtype) for one in session.inputs()]


def open_session(path: Path, threads: int) -> Session:
    """A session for the runtime of this kind of file, not loaded yet.

    Raises:
        ArtifactError: no runtime here takes this kind of file.
        MissingDependencyError: the runtime is not installed.
    """
    if path.suffix not in SESSION_MODULES:
        raise ArtifactError(f"{path.name} cannot be timed here; give {', '.join(SESSION_MODULES)}")
    session: Session = import_module(SESSION_MODULES[path.suffix]).open_session(threads)
    return session
