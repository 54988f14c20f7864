"""What export, verification and golden files have to know about one kind of network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from squeezesam.errors import ConfigError, WeightsError
from squeezesam.examples import Example
from squeezesam.files import content_hash
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.load import GraphSequence, Run
from squeezesam.networks.building import folded
from squeezesam.networks.weights import load_weights, shipped_weights
from squeezesam.spec import NetworkKind
from squeezesam_export.contract import PREPROCESSING, Preprocessing
from squeezesam_export.kinds.golden_case import CaseRecord, GoldenCase
from squeezesam_export.network_options import NetworkChoice
from squeezesam_export.quantization.calibration import Inputs
from squeezesam_export.quantization.schemes import Bounds

MAX_SIZE = 2048
"""Largest side of a square input in pixels."""

Vectors = Callable[[], list[dict[str, Any]]]
"""Makes drawn inputs with the answers of this version."""


class Preceded(nn.Module):
    """A network in front of which another graph prepares some of its inputs.

    A target writes both into one file; the graph in front stays in float32 in every scheme.

    Args:
        first: the graph in front.
        first_kind: of the graph in front.
        network: the network.
        network_kind: of the network.
        kind: of both together.
    """

    def __init__(
        self,
        first: nn.Module,
        first_kind: NetworkKind,
        network: nn.Module,
        network_kind: NetworkKind,
        kind: NetworkKind,
    ) -> None:
        super().__init__()
        self.first, self.first_kind = first, first_kind
        self.network, self.network_kind = network, network_kind
        self.kind = kind

    def forward(self, *inputs: Tensor) -> Any:
        """What the network answers to the inputs of both."""
        return self.network(*self.network_inputs(inputs))

    def network_inputs(self, inputs: Sequence[Tensor]) -> Inputs:
        """The inputs of the network, of which the graph in front prepares some."""
        tensors = dict(zip(self.kind.names()[0], inputs, strict=True))
        takes, gives = self.first_kind.names()
        prepared = self.first(*(tensors[name] for name in takes))
        tensors |= zip(gives, prepared, strict=True)
        return tuple(tensors[name] for name in self.network_kind.names()[0])


@dataclass(frozen=True)
class LoadedWeights:
    """A network that is exported.

    Attributes:
        recipe: of its kind.
        size: side of its square input in pixels.
        variant: its name.
        sha256: of the file that it was loaded from.
        graphs: its graphs, folded and in float32, in the order of the kind.
    """

    recipe: "KindRecipe"
    size: int
    variant: str
    sha256: str
    graphs: tuple[nn.Module, ...]

    @property
    def trained(self) -> tuple[nn.Module, ...]:
        """What has weights in each of its graphs, whose blocks a scheme can keep in float."""
        return tuple(
            graph.network if isinstance(graph, Preceded) else graph for graph in self.graphs
        )

    def network(self) -> GraphSequence:
        """The network in PyTorch; it raises a WeightsError where it answers NaN or infinity."""
        return GraphSequence(self.recipe.kind, [finite_run(graph) for graph in self.graphs])

    def ask(self, photo: NDArray[np.uint8], rng: np.random.Generator) -> Iterable[Inputs]:
        """Inputs for calibration on a photo [H, W, 3]; see `KindRecipe.calibration_inputs`."""
        return self.recipe.calibration_inputs(self.network(), self.size, photo, rng)


@dataclass(frozen=True)
class ParityFigure:
    """A figure of how far an artifact's answers are from PyTorch's, beside those of its masks.

    Attributes:
        name: in the manifest.
        title: of its column in the table of `squeezesam verify`.
        form: format of its number there.
        of: the figure of one case and an artifact's outputs; the largest of all cases counts.
        bound: what the bounds of a scheme allow.
        broken: says that it is exceeded, with the figure and the bound.
        slack: by how much the figure may differ between machines, whatever its size.
        summary: tells the figure in a line of `squeezesam export`; None where it is left out.
    """

    name: str
    title: str
    form: str
    of: Callable[[GoldenCase, Sequence[Tensor]], float]
    bound: Callable[[Bounds], float]
    broken: str
    slack: float
    summary: str | None = None


class KindRecipe(ABC):
    """How one kind of network is exported, asked and compared; one subclass for each kind.

    Attributes:
        kind: of the network.
        default_variant: of its shipped weights, where no variant is named.
        stride: its input sizes are multiples of this.
        size_title: what a message calls its input size.
        frame: how a photo lies in its input.
        preprocessing: the same, for an app.
        rules: what an app must know about its answers beside the contract of the whole bundle, as
            a dataclass of JSON values; None where there is nothing.
        vectors: drawn inputs for its rules, by file name.
        measures: figures beside those of the masks.
        derived_arrays: names of further arrays in its golden files; see `derived`.
        finds: what differs, in the words of a message, where `derived` differs.
        feeds: the kind of network that is asked for what this one finds; None for none. Of several
            that serve as it, the first one is asked.
        note: what a reader of the table of `squeezesam verify` must know.
    """

    kind: NetworkKind
    stride: int
    default_variant: str
    size_title: ClassVar[str] = "size"
    frame: ClassVar[type[Letterbox]] = Letterbox
    preprocessing: ClassVar[Preprocessing] = PREPROCESSING
    rules: ClassVar[object] = None
    vectors: ClassVar[Mapping[str, Vectors]] = {}
    measures: ClassVar[tuple[ParityFigure, ...]] = ()
    derived_arrays: ClassVar[tuple[str, ...]] = ()
    finds: ClassVar[str] = "answers"
    feeds: ClassVar[NetworkKind | None] = None
    note: ClassVar[str | None] = None

    def partner(self, kinds: Iterable[NetworkKind]) -> NetworkKind | None:
        """Which of some kinds of networks this one `feeds`; None for none of them."""
        wanted = self.feeds
        return wanted and next((kind for kind in kinds if kind.serves_as(wanted)), None)

    def check_size(self, size: int) -> None:
        """Refuse a side of the square input that the network does not take.

        Raises:
            ConfigError: it is no multiple of the stride, or too large.
        """
        if not 0 < size <= MAX_SIZE or size % self.stride:
            raise ConfigError(
                f"{self.size_title} {size} must be a multiple of {self.stride} up to {MAX_SIZE}"
            )

    def load(self, choice: NetworkChoice) -> LoadedWeights:
        """Load the network of a choice in its size.

        Raises:
            ConfigError: an unknown variant.
            WeightsError: the weights are missing, damaged or of another network or variant.
        """
        path = choice.weights or shipped_weights(choice.variant or self.default_variant)
        variant, graphs = self.graphs(path, choice.size)
        if choice.variant not in (None, variant):
            raise WeightsError(
                f"{path} holds {variant!r} weights, not {choice.variant!r}; "
                "leave --variant out or give other weights"
            )
        return LoadedWeights(self, choice.size, variant, content_hash(path).hexdigest(), graphs)

    def graphs(self, path: Path, size: int) -> tuple[str, tuple[nn.Module, ...]]:
        """The variant in a weights file, and its graphs, folded and in float32.

        Raises:
            WeightsError: the weights are missing, damaged or of another network.
        """
        variant, network = load_weights(path, size, self.kind)
        return variant, folded(network).graphs

    @abstractmethod
    def calibration_inputs(
        self, network: GraphSequence, size: int, photo: NDArray[np.uint8], rng: np.random.Generator
    ) -> Iterable[Inputs]:
        """Inputs on a photo [H, W, 3] that show the ranges of all activations.

        Raises:
            WeightsError: the network answers NaN or infinity.
        """

    @abstractmethod
    def golden_cases(
        self, network: GraphSequence, example: Example, size: int
    ) -> Sequence[GoldenCase]:
        """The golden cases of a shipped photo.

        Raises:
            WeightsError: the network answers NaN or infinity.
        """

    @abstractmethod
    def masks(self, case: GoldenCase, outputs: Sequence[Tensor]) -> Tensor:
        """Which pixels the first output puts into each mask: bool [B, M, H, W]."""

    def derived(
        self, cases: Sequence[GoldenCase]
    ) -> tuple[list[CaseRecord], dict[str, NDArray[Any]]]:
        """What this version makes of PyTorch's answers in a golden file.

        Returns:
            What the records of the cases must be, and the arrays of `derived_arrays`.
        """
        return [case.record for case in cases], {}

    def asked(self, cases: Sequence[GoldenCase]) -> list[Inputs]:
        """The inputs that the records of all golden cases of a photo mean, in their order.

        Args:
            cases: of a network whose prompts were chosen.

        Raises:
            ValueError: a record means nothing on this photo.
        """
        return [case.inputs for case in cases]

    def prompt(
        self, case: GoldenCase, outputs: Sequence[Tensor], photo: Letterbox
    ) -> tuple[CaseRecord, Tensor] | None:
        """What the network that this one `feeds` is asked for an answer.

        Args:
            case: of this network.
            outputs: of this network.
            photo: letterbox of the photo in the other network's input.

        Returns:
            The prompt and the previous mask; None where nothing was found.
        """
        raise NotImplementedError

    def prompted_inputs(
        self, image: Tensor, photo: Letterbox, record: CaseRecord, previous: Tensor | None
    ) -> Inputs:
        """Inputs for a prompt that another network `feeds` to this one.

        Args:
            image: the photo as the network takes it.
            photo: letterbox of the photo.
            record: the prompt.
            previous: earlier mask; None where there is none.
        """
        raise NotImplementedError


def finite_run(model: Callable[..., Any]) -> Run:
    """A network as a function from its inputs to its outputs, which checks every answer.

    Raises:
        WeightsError: when called, where the network answers NaN or infinity.
    """

    def run(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        answer = model(*inputs)
        outputs = (answer,) if isinstance(answer, Tensor) else tuple(answer)
        if not all(output.isfinite().all() for output in outputs):
            raise WeightsError(
                "with these weights the network answers NaN or infinity in float32; "
                "give others, or train again with a lower learning rate"
            )
        return outputs

    return run
