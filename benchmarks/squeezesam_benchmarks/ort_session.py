"""ONNX Runtime on the CPU with a given number of threads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam_benchmarks.sessions import FloatArray, Input
from squeezesam_export.targets.ort_file import DTYPES, PROVIDER


class OrtSession:
    """Implements `sessions.Session`."""

    runtime = "onnxruntime"
    backend = PROVIDER

    def __init__(self, onnxruntime: Any, threads: int) -> None:
        self.onnxruntime = onnxruntime
        self.version: str = onnxruntime.__version__
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1

    def load(self, path: Path) -> None:
        """Make the artifact ready to run."""
        self.session = self.onnxruntime.InferenceSession(path, self.options, providers=[PROVIDER])
        self.nodes = self.session.get_inputs()

    def inputs(self) -> list[Input]:
        """Shapes and element types as the model declares them.

        Raises:
            ArtifactError: a side is left open, or the type is none of DTYPES.
        """
        return declared_inputs(self.nodes)

    def prepare(self, inputs: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """By name, in the declared types."""
        return {
            node.name: array.astype(DTYPES[node.type], copy=False)
            for node, array in zip(self.nodes, inputs, strict=True)
        }

    def infer(self, prepared: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run once."""
        given: list[NDArray[Any]] = self.session.run(None, prepared)
        return given

    def outputs(self, given: list[NDArray[Any]]) -> list[FloatArray]:
        """In float32."""
        return [array.astype(np.float32, copy=False) for array in given]


def declared_inputs(nodes: Sequence[Any]) -> list[Input]:
    """What ONNX Runtime says of a model's inputs.

    Raises:
        ArtifactError: a side is left open, or the type is none of DTYPES.
    """
    for node in nodes:
        if not all(isinstance(side, int) for side in node.shape):
            sides = ", ".join(map(str, node.shape))
            raise ArtifactError(
                f"input {node.name} has the shape [{sides}]; fix it, as with `python -m "
                "onnxruntime.tools.make_dynamic_shape_fixed`"
            )
        if node.type not in DTYPES:
            raise ArtifactError(f"input {node.name} is a {node.type}; give {', '.join(DTYPES)}")
    return [Input(tuple(node.shape), DTYPES[node.type]) for node in nodes]


def open_session(threads: int) -> OrtSession:
    """A session that is not loaded yet.

    Raises:
        MissingDependencyError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            "timing .onnx needs onnxruntime; pip install 'squeezesam[onnx]'"
        ) from error
    return OrtSession(onnxruntime, threads)
