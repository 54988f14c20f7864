"""ExecuTorch with a given number of XNNPACK threads."""

import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam.errors import MissingDependencyError
from squeezesam_benchmarks.sessions import FloatArray, Input

DTYPES: dict[int, np.dtype[Any]] = {5: np.dtype(np.float16), 6: np.dtype(np.float32)}
"""ExecuTorch's codes of the element types that our artifacts take."""


class ExecutorchSession:
    """Implements `sessions.Session`."""

    runtime = "executorch"
    backend = "XNNPACK"

    def __init__(self, portable_lib: Any) -> None:
        self.portable_lib = portable_lib
        self.version = version("executorch")

    def load(self, path: Path) -> None:
        """Make the artifact ready to run."""
        self.program = self.portable_lib._load_program(str(path))  # keeps the method's memory
        self.method = self.program.load_method("forward")

    def inputs(self) -> list[Input]:
        """Shapes and element types as the program declares them."""
        meta = self.method.method_meta()
        tensors = [meta.input_tensor_meta(index) for index in range(meta.num_inputs())]
        return [Input(tuple(one.sizes()), DTYPES[one.dtype()]) for one in tensors]

    def prepare(self, inputs: Sequence[NDArray[Any]]) -> list[torch.Tensor]:
        """As tensors of the declared types."""
        return [
            torch.from_numpy(array.astype(one.dtype, copy=False))
            for array, one in zip(inputs, self.inputs(), strict=True)
        ]

    def infer(self, prepared: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run once."""
        # Calling the method would also copy the outputs, on which an app spends no time.
        self.method.set_inputs(prepared)
        self.method.execute()
        given: list[torch.Tensor] = self.method.get_outputs(clone_outputs=False)
        return given

    def outputs(self, given: list[torch.Tensor]) -> list[FloatArray]:
        """In float32."""
        return [tensor.float().numpy() for tensor in given]


def open_session(threads: int) -> ExecutorchSession:
    """A session that is not loaded yet.

    Raises:
        MissingDependencyError: executorch is not installed.
    """
    try:
        # On import it warns that its interface may change; the version is pinned.
        with warnings.catch_warnings(action="ignore"):
            from executorch.extension.pybindings import portable_lib
    except ImportError as error:
        raise MissingDependencyError(
            "timing .pte needs executorch; pip install 'squeezesam[executorch]'"
        ) from error
    portable_lib._unsafe_reset_threadpool(threads)
    return ExecutorchSession(portable_lib)
