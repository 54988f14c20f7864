"""The runtimes that the host can time; adding one is a file and a line here."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import ArtifactError

FloatArray = NDArray[np.float32]

SESSION_MODULES = {
    ".onnx": "squeezesam_benchmarks.ort_session",
    ".pte": "squeezesam_benchmarks.executorch_session",
    ".safetensors": "squeezesam_benchmarks.torch_session",
}


class Session(Protocol):
    """One artifact in one runtime, with the number of threads under control.

    A module of SESSION_MODULES offers `open_session(threads) -> Session`, which imports the runtime
    and sets its threads; `load` alone is timed as loading.
    """

    runtime: str
    version: str
    backend: str

    def load(self, path: Path) -> None:
        """Make the artifact ready to run."""

    def input_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the float32 inputs, in call order; after `load`."""

    def infer(self, inputs: Sequence[FloatArray]) -> None:
        """Run once, to the end."""


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
