"""What every export target offers; one file implements one runtime."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam.runtimes import NetworkCallable
from squeezesam.spec import TensorSpec

Precision = Literal["fp32", "fp16"]

IoDtype = Literal["float32", "float16", "rgb8"]
"""How an artifact takes or gives a tensor; rgb8 is a picture of the letterboxed bytes, which the
artifact scales itself."""


@dataclass(frozen=True)
class Lowered:
    """What became of the network's operators.

    Attributes:
        io_dtypes: element type of every input and output, by name.
        delegated: operators inside the delegate; None where the format has no delegate.
        outside: names of those outside, once for each occurrence; None likewise.
    """

    io_dtypes: dict[str, IoDtype]
    delegated: int | None = None
    outside: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Target:
    """A file format together with what runs it.

    Attributes:
        name: on the command line and in the manifest.
        suffix: of its artifacts, with the dot.
        precisions: that it can be exported in.
        requirement: what it needs to run: opset, backend or operating system.
        export: writes a folded network of a square input size at a path.
        load: an artifact as a callable in float32; None where this platform cannot run it.
    """

    name: str
    suffix: str
    precisions: tuple[Precision, ...]
    requirement: str
    export: Callable[[nn.Module, int, Precision, Path], Lowered]
    load: Callable[[Path], NetworkCallable] | None


@contextmanager
def optional(extra: str) -> Iterator[None]:
    """Around imports of a vendor's packages.

    Raises:
        MissingDependencyError: one is absent; the message names the pip extra.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"this needs {error.name or error}; pip install 'squeezesam[{extra}]'"
        ) from error


def float32_io(specs: Sequence[TensorSpec]) -> dict[str, IoDtype]:
    """All tensors as plain float32."""
    return {spec.name: spec.dtype for spec in specs}


def check_shapes(path: Path, inputs: Sequence[Tensor], shapes: Sequence[tuple[int, ...]]) -> None:
    """See that an artifact is called at the size that it was exported for.

    Raises:
        ArtifactError: it was not.
    """
    given = [tuple(tensor.shape) for tensor in inputs]
    if given != list(shapes):
        raise ArtifactError(
            f"{path} takes inputs of shapes {list(shapes)}, not {given}; export it with that --size"
        )
