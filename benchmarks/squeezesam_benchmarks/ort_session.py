"""ONNX Runtime on the CPU with a given number of threads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from squeezesam.errors import MissingDependencyError
from squeezesam_benchmarks.sessions import FloatArray

PROVIDER = "CPUExecutionProvider"


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
        self.names = [node.name for node in self.session.get_inputs()]

    def input_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the inputs."""
        return [tuple(node.shape) for node in self.session.get_inputs()]

    def infer(self, inputs: Sequence[FloatArray]) -> None:
        """Run once."""
        self.session.run(None, dict(zip(self.names, inputs, strict=True)))


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
