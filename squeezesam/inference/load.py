"""segment-anything's way to a model: `sam_model_registry["base"](checkpoint=...)`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from squeezesam.errors import ArtifactError, ConfigError, WeightsError
from squeezesam.files import PathLike, check_name
from squeezesam.networks.building import TrainedNetwork, build_network, folded
from squeezesam.networks.configs import (
    DEFAULT_DETECTOR,
    DEFAULT_VARIANT,
    DETECTORS,
    VARIANTS,
    variant_config,
)
from squeezesam.networks.weights import (
    CHECKPOINT_SUFFIXES,
    checkpoint_error,
    load_weights,
    shipped_weights,
)
from squeezesam.spec import SEGMENTER, NetworkKind

NetworkCallable = Callable[..., tuple[Tensor, Tensor]]
"""(image, prompt_maps, prompt_tokens) -> (low_res_masks, iou_predictions), as in spec.py; one that
has another `kind` takes the inputs of that kind."""

DetectorCallable = Callable[[Tensor], Tensor]
"""image -> saliency_logits, as in spec.py."""

Run = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""What runs a network or one of its graphs: its inputs -> its outputs."""

REFERENCE_INTERPRETER = "reference interpreter"
INTERPRETER_LIMITS = (
    "reference interpreter: every operator as documented, rounded to the type that the file "
    "declares; no Neural Engine rounding, no operator fusion, and no time to quote"
)


@dataclass(frozen=True)
class LoadedNetwork:
    """An artifact as a callable in float32, as the PyTorch network that it was made from.

    Attributes:
        kind: which network it is, told by what the file takes and gives.
        size: side of its square image input in pixels.
        run: its inputs -> its outputs, each in the order of the kind.
    """

    kind: NetworkKind
    size: int
    run: Run

    def __call__(self, *inputs: Tensor) -> Any:
        """The one output, or a tuple of several."""
        outputs = tuple(self.run(inputs))
        return outputs[0] if len(outputs) == 1 else outputs


Network = TrainedNetwork | LoadedNetwork
"""Anything that `load` gives."""

NAMES = (*VARIANTS, *DETECTORS)
"""What shipped weights may be called."""


class InterpretedNetwork(LoadedNetwork):
    """An artifact whose own runtime is not here, run by a reference interpreter.

    Its answers say what the file means; how long they take says nothing.
    """


class GraphSequence:
    """The graphs of a network, run one after another.

    All graphs but the last depend on the photo alone: one of them is run again only when it is
    given other values than the last time. Threads may share a sequence.

    Args:
        kind: of the network.
        runs: what runs each of its graphs, from the inputs to the outputs of the graph.
    """

    def __init__(self, kind: NetworkKind, runs: Sequence[Run]) -> None:
        self.kind = kind
        self.runs = runs
        self._kept: dict[int, tuple[Sequence[Tensor], Sequence[Tensor]]] = {}

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The inputs of the network -> its outputs, each in the order of the kind."""
        tensors = self.tensors(inputs)
        return [tensors[name] for name in self.kind.names()[1]]

    def tensors(self, inputs: Sequence[Tensor], graphs: int | None = None) -> dict[str, Tensor]:
        """All tensors by name: the inputs, what the graphs hand on, and the outputs.

        Args:
            inputs: of the network, in call order.
            graphs: how many of the graphs run; None for all.

        Raises:
            ArtifactError: there are more or fewer inputs than the network takes.
        """
        names, _ = self.kind.names()
        if len(inputs) != len(names):
            raise ArtifactError(f"a {self.kind.title} takes {names}, not {len(inputs)} tensors")
        found = dict(zip(names, inputs, strict=True))
        for number, graph in enumerate(self.kind.graphs[:graphs]):
            takes, gives = graph.names()
            answers = self._answers(number, [found[name] for name in takes])
            found |= zip(gives, answers, strict=True)
        return found

    def _answers(self, number: int, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        asked, answers = self._kept.get(number, ((), ()))
        if asked and all(map(torch.equal, asked, inputs)):
            return answers
        answers = self.runs[number](inputs)
        if number + 1 < len(self.runs):
            # Copies of the inputs: the caller may write into them before the next call.
            self._kept[number] = [one.clone() for one in inputs], answers
        return answers


def composed(kind: NetworkKind, graphs: Sequence[LoadedNetwork]) -> LoadedNetwork:
    """The loaded graphs of a network as one network."""
    interpreted = any(isinstance(graph, InterpretedNetwork) for graph in graphs)
    made = InterpretedNetwork if interpreted else LoadedNetwork
    return made(kind, graphs[0].size, GraphSequence(kind, [graph.run for graph in graphs]))


def check_kind(path: Path, found: NetworkKind, wanted: NetworkKind | None) -> None:
    """Check that a file holds a network of the kind that is wanted.

    Args:
        path: of the file.
        found: the kind that it holds.
        wanted: the kind that it has to serve as; None accepts any.

    Raises:
        ArtifactError: it does not.
    """
    if wanted is not None and not found.serves_as(wanted):
        raise ArtifactError(
            f"{path} is a {found.title}, not a {wanted.title}; give an artifact of "
            "that, or the directory that both were exported to"
        )


def input_side(network: object, size: int | None = None, kind: NetworkKind = SEGMENTER) -> int:
    """Side of a network's square input: `size`, else what it says itself, else its kind's."""
    side: int = getattr(network, "size", kind.size) if size is None else size
    return side


def check_role(role: str, network: object, wanted: NetworkKind) -> None:
    """See that a network is what it is taken for; one that does not say its kind is trusted.

    Raises:
        ConfigError: it is of another kind.
    """
    found = getattr(network, "kind", wanted)
    if not found.serves_as(wanted):
        raise ConfigError(f"the {role} is a {found.title}; give a {wanted.title} in its place")


WEIGHTS_SUFFIX = ".safetensors"
MANIFEST_NAME = "manifest.json"
DIRECTORY_RUNTIME = "directory"


def is_export(path: PathLike) -> bool:
    """Whether a path is an export directory."""
    return (Path(path) / MANIFEST_NAME).is_file()


def detector_beside(model: PathLike | None) -> Path:
    """The detector that goes with a model: of an export directory its own, else the shipped one.

    Raises:
        WeightsError: no weights of it are shipped.
    """
    return Path(model) if model and is_export(model) else shipped_weights(DEFAULT_DETECTOR)


def named_path(source: PathLike) -> Path:
    """The path of a network, where a name of shipped weights stands for their file.

    Raises:
        WeightsError: no weights of that name are shipped.
    """
    path = Path(source)
    if str(path) in NAMES and not path.exists():
        return shipped_weights(str(path))
    return path


def load(source: PathLike, size: int | None = None, *, kind: NetworkKind | None = None) -> Network:
    """Load a network of any kind from any file.

    Args:
        source: the path, as text or `Path`, of weights (.safetensors), of an artifact of a known
            runtime (.onnx, .pte, .mlpackage) or of an export directory; or the name of shipped
            weights (`"base"`), where nothing of that name is in the current directory.
        size: side of the square input in pixels, for weights only (default: that of the kind of
            network); an artifact has the size that it was exported with.
        kind: the only kind of network to accept; None accepts any, and takes the promptable one of
            an export directory.

    Returns:
        The network, which knows its `kind` and its `size`; call it with the tensors of
        `squeezesam.spec`, or give it to a predictor.

    Raises:
        WeightsError: the weights are missing, damaged or of another kind.
        ArtifactError: the artifact is missing, damaged, of no known runtime or of another kind.
        MissingDependencyError: the artifact's runtime is not installed.
    """
    path = named_path(source)
    if path.suffix != WEIGHTS_SUFFIX:
        return _load_artifact(path, size, kind)
    variant, trained = load_weights(path, size)
    network = folded(trained)
    if kind is not None and not network.kind.serves_as(kind):
        raise WeightsError(
            f"{path} holds the {network.kind.title} {variant!r}; give weights of a {kind.title}"
        )
    return network if len(network.graphs) == 1 else in_graphs(network)


def in_graphs(network: TrainedNetwork) -> LoadedNetwork:
    """A network of several graphs, of which those run again that depend on what has changed."""
    runs = [partial(_run_graph, graph) for graph in network.graphs]
    return LoadedNetwork(network.kind, network.size, GraphSequence(network.kind, runs))


def _run_graph(graph: nn.Module, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    answer = graph(*inputs)
    return (answer,) if isinstance(answer, Tensor) else answer


def _load_artifact(path: Path, size: int | None, kind: NetworkKind | None) -> LoadedNetwork:
    """Load an exported network through the runtime of its suffix.

    Raises:
        ArtifactError: missing, damaged, of no known runtime or another size or kind.
        MissingDependencyError: the runtime is not installed.
        WeightsError: a checkpoint of PyTorch.
    """
    if path.suffix in CHECKPOINT_SUFFIXES and path.is_file():
        raise checkpoint_error(path)
    if size is not None:
        raise ArtifactError(f"{path} has a fixed input size, not {size}; a size suits weights only")
    check_name(path, ArtifactError)
    if not path.exists():
        raise ArtifactError(f"no artifact {path}; give weights, an artifact or an export directory")
    runtimes = {entry.name: entry for entry in entry_points(group="squeezesam.runtimes")}
    if is_export(path):
        load_from: Callable[[Path, NetworkKind], LoadedNetwork] = runtimes[DIRECTORY_RUNTIME].load()
        return load_from(path, kind or SEGMENTER)
    name = path.suffix[1:]
    suffixes = [name for name in runtimes if name != DIRECTORY_RUNTIME]
    if name not in suffixes:
        known = ", ".join([WEIGHTS_SUFFIX, *(f".{suffix}" for suffix in suffixes)])
        raise ArtifactError(
            f"{path} is no network; give a {known} file or a directory with {MANIFEST_NAME}"
        )
    load_file: Callable[[Path], LoadedNetwork] = runtimes[name].load()
    loaded = load_file(path)
    check_kind(path, loaded.kind, kind)
    return loaded


def build_sam(
    variant: str, checkpoint: str | Path | None = None, size: int | None = None
) -> nn.Module:
    """A network for inference: in eval mode, its BatchNorms folded.

    Args:
        variant: name in `squeezesam.networks.configs.VARIANTS`.
        checkpoint: weights of that variant; None gives random weights, as in segment-anything.
        size: side of the square input in pixels; by default that of the network.

    Raises:
        ConfigError: unknown variant.
        WeightsError: missing or damaged weights, or those of another variant.
    """
    if checkpoint is None:
        return folded(build_network(variant_config(variant), size))
    name, model = load_weights(checkpoint, size, variant_config(variant).kind)
    if name != variant:
        raise WeightsError(f"{checkpoint} holds {name!r} weights, not {variant!r}; build {name!r}")
    return folded(model)


sam_model_registry: dict[str, Callable[..., nn.Module]] = {
    "default": partial(build_sam, DEFAULT_VARIANT),
    **{variant: partial(build_sam, variant) for variant in VARIANTS},
}
"""Builders by variant; each takes `checkpoint` and `size` as `build_sam` does."""
