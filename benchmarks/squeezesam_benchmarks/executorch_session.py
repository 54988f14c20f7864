"""ExecuTorch with a given number of XNNPACK threads."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from squeezesam.errors import MissingDependencyError
from squeezesam_benchmarks.sessions import FloatArray

DTYPES = {5: torch.float16, 6: torch.float32}
"""ExecuTorch's codes of the element types that our artifacts take."""


class ExecutorchSession:
    """Implements `sessions.Session`."""

    runtime = "executorch"
    backend = "XNNPACK"

    def __init__(self, runtime: Any) -> None:
        self.executorch = runtime
        self.version = version("executorch")

    def load(self, path: Path) -> None:
        """Make the artifact ready to run."""
        self.program = self.executorch.load_program(path)  # keeps the method's memory alive
        self.method = self.program.load_method("forward")
        meta = self.method.metadata
        inputs = [meta.input_tensor_meta(index) for index in range(meta.num_inputs())]
        self.dtypes = [DTYPES[tensor.dtype()] for tensor in inputs]

    def input_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the inputs."""
        meta = self.method.metadata
        return [tuple(meta.input_tensor_meta(i).sizes()) for i in range(meta.num_inputs())]

    def infer(self, inputs: Sequence[FloatArray]) -> None:
        """Run once."""
        pairs = zip(inputs, self.dtypes, strict=True)
        self.method.execute([torch.from_numpy(array).to(dtype) for array, dtype in pairs])


def open_session(threads: int) -> ExecutorchSession:
    """A session that is not loaded yet.

    Raises:
        MissingDependencyError: executorch is not installed.
    """
    try:
        from executorch.extension.pybindings import portable_lib
        from executorch.runtime import Runtime
    except ImportError as error:
        raise MissingDependencyError(
            "timing .pte needs executorch; pip install 'squeezesam[executorch]'"
        ) from error
    portable_lib._unsafe_reset_threadpool(threads)
    return ExecutorchSession(Runtime.get())
