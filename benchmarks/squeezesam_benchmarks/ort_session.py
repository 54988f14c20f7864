"""ONNX Runtime on the CPU with a given number of threads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam_benchmarks.sessions import FloatArray, Input
from squeezesam_export.targets.ort_file import DTYPES, PROVIDER
from squeezesam_export.targets.target import graph_kinds


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
            ArtifactError: as `declared_inputs` does.
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
    """What ONNX Runtime says of a model's inputs; open axes of our kinds have their usual length.

    Raises:
        ArtifactError: another side is left open, or the type is none of DTYPES.
    """
    names = [node.name for node in nodes]
    kind = next((one for one in graph_kinds() if one.names()[0] == names), None)
    shapes: list[tuple[Any, ...]] = [tuple(node.shape) for node in nodes]
    if kind is not None:
        shapes = kind.usual_shapes(shapes)
    for node, shape in zip(nodes, shapes, strict=True):
        if not all(isinstance(side, int) for side in shape):
            sides = ", ".join(map(str, shape))
            raise ArtifactError(
                f"input {node.name} has the shape [{sides}]; fix it, as with `python -m "
                "onnxruntime.tools.make_dynamic_shape_fixed`"
            )
        if node.type not in DTYPES:
            raise ArtifactError(f"input {node.name} is a {node.type}; give {', '.join(DTYPES)}")
    return [Input(shape, DTYPES[node.type]) for node, shape in zip(nodes, shapes, strict=True)]


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
