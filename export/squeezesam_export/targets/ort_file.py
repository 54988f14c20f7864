"""Opening an ONNX file in ONNX Runtime, whatever it holds."""

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam.environment import usable_cores
from squeezesam.errors import ArtifactError
from squeezesam_export.targets.target import optional
from squeezesam_export.targets.trial import NoAnswerError, check_in_fresh_python, in_fork

PROVIDER = "CPUExecutionProvider"
ERRORS_ONLY = 3

DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(int8)": np.dtype(np.int8),
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(double)": np.dtype(np.float64),
}
"""ONNX Runtime's names of the element types that inputs have."""


@dataclass(frozen=True)
class Node:
    """An input or output of a model.

    Attributes:
        shape: a side that is left open is no int.
        type: in ONNX Runtime's words, as in DTYPES.
    """

    name: str
    shape: tuple[Any, ...]
    type: str


class OnnxFile:
    """An ONNX file in ONNX Runtime on the CPU.

    A damaged file can end its process. So one child process opens it, to tell its inputs and
    outputs, and another gives the first answer. This process opens it for the second answer; who
    asks only once does not pay for two inferences. Where no child can be forked, a fresh Python
    tries the file with zeros, and this process does all the rest. Threads may share it.

    Args:
        path: of the file.

    Attributes:
        path: of the file.
        inputs: in the order of the model.
        outputs: likewise.

    Raises:
        ArtifactError: missing or damaged.
        MissingDependencyError: onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        with optional("onnx"):
            import onnxruntime  # noqa: F401 - a forked child has it already
        if not path.is_file():
            raise ArtifactError(f"no ONNX file {path}; check the name, or export it again")
        self.path = path
        self._session: Any = None
        self._is_tried = False
        self._opening = threading.Lock()
        try:
            self.inputs, self.outputs = in_fork(partial(described, path), path)
        except NoAnswerError:
            check_in_fresh_python(attempt, path)
            self._is_tried = True
            self.inputs, self.outputs = described(path)

    def run(
        self, outputs: Sequence[str] | None, feed: Mapping[str, NDArray[Any]], options: Any = None
    ) -> list[Any]:
        """What the model answers.

        Args:
            outputs: names; None for all.
            feed: inputs by name.
            options: an `onnxruntime.RunOptions`.

        Raises:
            ArtifactError: it does not run on these inputs.
        """
        with self._opening:
            if not self._is_tried:
                first = self._first_answer(outputs, feed, options)
                self._is_tried = True
                if first is not None:
                    return first
            if self._session is None:
                self._session = opened(self.path)
        return self._answers(self._session, outputs, feed, options)

    def _first_answer(self, *asked: Any) -> list[Any] | None:
        """Of a forked child; None where a fresh Python tried the file instead."""
        try:
            return in_fork(lambda: self._answers(opened(self.path), *asked), self.path)
        except NoAnswerError:
            check_in_fresh_python(attempt, self.path)
            return None

    def _answers(self, session: Any, *asked: Any) -> list[Any]:
        try:
            return list(session.run(*asked))
        except Exception as error:
            raise ArtifactError(
                f"{self.path} does not run ({one_line(error)}); export it again"
            ) from error


def described(path: Path) -> tuple[list[Node], list[Node]]:
    """Inputs and outputs of a file, opened in this process without what makes it fast."""
    session = opened(path, is_to_run=False)
    inputs, outputs = (
        [Node(node.name, tuple(node.shape), node.type) for node in nodes]
        for nodes in (session.get_inputs(), session.get_outputs())
    )
    return inputs, outputs


def attempt(path: Path) -> None:
    """Load a file and run it once on zeros; a side that is left open has one element."""
    session = opened(path)
    feed = {
        node.name: np.zeros(
            [side if isinstance(side, int) else 1 for side in node.shape],
            DTYPES.get(node.type, np.dtype(np.float32)),
        )
        for node in session.get_inputs()
    }
    # Inputs of other sizes may suit it; `OnnxFile.run` tells of its errors.
    with contextlib.suppress(Exception):
        session.run(None, feed)


def opened(path: Path, *, is_to_run: bool = True) -> Any:
    """An `onnxruntime.InferenceSession` in this process.

    Args:
        path: of the file.
        is_to_run: whether its graph is optimized, which takes most of the time.

    Raises:
        ArtifactError: ONNX Runtime refuses the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY  # lower, fp16 warns that constants stay unfolded
    cores = usable_cores()
    if cores < (os.cpu_count() or 1):
        # Left to itself, ONNX Runtime starts a thread for each core of the machine.
        options.intra_op_num_threads = cores
    if not is_to_run:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(path, options, providers=[PROVIDER])
    except Exception as error:  # ONNX Runtime's exceptions share no public base
        raise ArtifactError(
            f"ONNX Runtime refuses {path} ({one_line(error)}); export it again"
        ) from error


def one_line(error: Exception) -> str:
    """What an error says, without its line breaks."""
    return " ".join(str(error).split())
