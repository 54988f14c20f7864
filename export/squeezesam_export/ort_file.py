"""Opening an ONNX file in ONNX Runtime, whatever it holds."""

from pathlib import Path
from typing import Any

from squeezesam.errors import ArtifactError
from squeezesam_export.target import optional

PROVIDER = "CPUExecutionProvider"
ERRORS_ONLY = 3


def open_session(path: Path) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU.

    Raises:
        ArtifactError: missing or damaged.
        MissingDependencyError: onnxruntime is not installed.
    """
    with optional("onnx"):
        import onnxruntime
    if not path.is_file():
        raise ArtifactError(f"no ONNX file {path}; check the name, or export it again")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY  # else fp16 warns that constants stay unfolded
    try:
        return onnxruntime.InferenceSession(path, options, providers=[PROVIDER])
    except Exception as error:  # ONNX Runtime's exceptions share no public base
        raise ArtifactError(
            f"ONNX Runtime refuses {path} ({one_line(error)}); export it again"
        ) from error


def one_line(error: Exception) -> str:
    """What an error says, without its line breaks."""
    return " ".join(str(error).split())
