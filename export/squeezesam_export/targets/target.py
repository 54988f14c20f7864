"""What every export target offers; one file implements one runtime."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam.inference.load import REFERENCE_INTERPRETER, LoadedNetwork
from squeezesam.spec import SEGMENTER, NetworkKind, TensorSpec
from squeezesam_export.kinds import RECIPES
from squeezesam_export.kinds.recipe import Preceded
from squeezesam_export.quantization.calibration import Inputs
from squeezesam_export.quantization.schemes import SCHEMES, Scheme

Loader = Callable[[Path], LoadedNetwork]

IoDtype = Literal["float32", "float16", "rgb8"]
"""How an artifact takes or gives a tensor; rgb8 is a picture of the letterboxed bytes, which the
artifact scales itself."""


@dataclass(frozen=True)
class ExportJob:
    """What a target exports.

    Attributes:
        model: folded, in float32.
        size: side of its square input in pixels.
        scheme: one that the target has.
        calibration: inputs to see the ranges of activations on; empty where the scheme needs none.
        kind: of the model.
    """

    model: nn.Module
    size: int
    scheme: Scheme
    calibration: Sequence[Inputs] = ()
    kind: NetworkKind = SEGMENTER

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Inputs of the model, in call order."""
        return self.kind.inputs(self.size)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Outputs of the model, in order."""
        return self.kind.outputs(self.size)

    def parts(self) -> "tuple[ExportJob | None, ExportJob]":
        """The jobs of the graph in front, None where there is none, and of the network."""
        model = self.model
        if not isinstance(model, Preceded):
            return None, self
        with torch.no_grad():
            seen = [model.network_inputs(inputs) for inputs in self.calibration]
        first = ExportJob(model.first, self.size, SCHEMES["fp32"], (), model.first_kind)
        return first, ExportJob(model.network, self.size, self.scheme, seen, model.network_kind)


@dataclass(frozen=True)
class LoweringReport:
    """What became of the network's operators.

    Attributes:
        io_dtypes: element type of every input and output, by name.
        requirement: what the artifact needs to run: opset, backend or operating system.
        delegated: operators inside the delegate; None where the format has no delegate.
        outside: names of those outside, once for each occurrence; None likewise.
    """

    io_dtypes: dict[str, IoDtype]
    requirement: str
    delegated: int | None = None
    outside: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ExportTarget:
    """A file format together with what runs it.

    Attributes:
        name: on the command line and in the manifest.
        suffix: of its artifacts, with the dot.
        schemes: names of those that it can be exported in.
        runtime: what runs its artifacts.
        export: writes an artifact at a path.
        draws: whether it takes networks that draw their prompts themselves, which are those with
            open axes; on an accelerator the drawing would fall back to the CPU.
        load: an artifact as a callable in float32; None where this platform lacks the runtime.
        interpret: likewise in a reference interpreter, on any platform; may be None where `load`
            never is.
    """

    name: str
    suffix: str
    schemes: tuple[str, ...]
    runtime: str
    export: Callable[[ExportJob, Path], LoweringReport]
    load: Loader | None
    interpret: Loader | None = None
    draws: bool = False

    def takes(self, kind: NetworkKind) -> bool:
        """Whether it exports a kind of network."""
        return self.draws or not kind.open_axes

    @property
    def loader(self) -> Loader:
        """The runtime where it is here, else the interpreter."""
        loader = self.load or self.interpret
        assert loader is not None, self.name
        return loader

    @property
    def runs_on(self) -> str:
        """What `loader` runs an artifact with."""
        return self.runtime if self.load else REFERENCE_INTERPRETER


def graph_kinds() -> list[NetworkKind]:
    """The kinds of all graphs that a file can hold."""
    return [graph for recipe in RECIPES.values() for graph in recipe.kind.graphs]


@contextmanager
def optional(extra: str) -> Iterator[None]:
    """Around imports of a vendor's packages.

    Raises:
        MissingDependencyError: one is absent; the message names the pip extra.
    """
    try:
        yield
    except MissingDependencyError:  # of a block within, which knows its own extra
        raise
    except ImportError as error:
        raise MissingDependencyError(
            f"this needs {error.name or error}; pip install 'squeezesam[{extra}]'"
        ) from error


def float32_io(specs: Sequence[TensorSpec]) -> dict[str, IoDtype]:
    """All tensors as plain float32."""
    return {spec.name: spec.dtype for spec in specs}


def kind_named(
    path: Path, inputs: Sequence[str], outputs: Sequence[str] | None = None
) -> NetworkKind:
    """The kind of network that a file holds, by the names of what it takes and gives.

    Args:
        path: of the file.
        inputs: names of its inputs.
        outputs: of its outputs; None where it does not keep them.

    Raises:
        ArtifactError: it is none of ours.
    """
    for kind in graph_kinds():
        our_inputs, our_outputs = kind.names()
        if list(inputs) == our_inputs and outputs in (None, our_outputs):
            return kind
    given = "" if outputs is None else f" and outputs {outputs}"
    raise ArtifactError(
        f"{path} has inputs {inputs}{given}, not ours; export it again, or try squeezesam "
        "coreml-run on another's .mlpackage"
    )


def size_shaped(path: Path, kind: NetworkKind, shapes: Sequence[Sequence[object]]) -> int:
    """Side of the square input of a file, by the shapes of its inputs.

    Args:
        path: of the file.
        kind: of the network that it holds.
        shapes: of its inputs; a side that it leaves open is no int.

    Raises:
        ArtifactError: the kind of network has such shapes at no size.
    """
    size = kind.size_of(shapes)
    if size is None:
        raise ArtifactError(
            f"{path} takes {shapes}, which is none of our networks; export it again"
        )
    return size


def check_shapes(
    path: Path, inputs: Sequence[Tensor], shapes: Sequence[tuple[object, ...]]
) -> None:
    """See that an artifact is called at the size that it was exported for.

    Args:
        path: of the artifact.
        inputs: that it is called with.
        shapes: that it takes; a side that it leaves open is no int.

    Raises:
        ArtifactError: it was not.
    """
    given = [tuple(tensor.shape) for tensor in inputs]
    fitting = [
        tuple(
            one if isinstance(one, int) else side for side, one in zip(shape, wanted, strict=False)
        )
        for shape, wanted in zip(given, shapes, strict=False)
    ]
    if fitting != given or list(map(len, given)) != list(map(len, shapes)):
        raise ArtifactError(
            f"{path} takes inputs of shapes {list(shapes)}, not {given}; export it with that --size"
        )


def checked_answers(
    path: Path, given: Sequence[object], kind: NetworkKind, size: int
) -> list[Tensor]:
    """An artifact's answers in float32, once they have proved to be those of its kind of network.

    Args:
        path: of the artifact.
        given: tensors or arrays, in order.
        kind: of the network.
        size: side of its square input in pixels.

    Raises:
        ArtifactError: there are others, or they are of other shapes or no numbers.
    """
    _, wanted = kind.shapes(size)
    try:
        answers = [torch.as_tensor(one).float() for one in given]
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{path} gives no numbers ({error}); export it again") from error
    shapes = [tuple(one.shape) for one in answers]
    if shapes != wanted:
        raise ArtifactError(f"{path} gives {shapes}, not {wanted}; export it again")
    return answers
