"""Loading a network from any file: our weights, or an artifact through its runtime."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from torch import Tensor

from squeezesam.config import DEFAULT_DETECTOR, DETECTORS, VARIANTS
from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.files import PathLike, check_name
from squeezesam.network.folding import folded
from squeezesam.spec import SEGMENTER, NetworkKind
from squeezesam.weights import TrainedNetwork, load_weights, shipped_weights

NetworkCallable = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(image, prompt_maps, prompt_tokens) -> (low_res_masks, iou_predictions), as in spec.py."""

DetectorCallable = Callable[[Tensor], Tensor]
"""image -> saliency_logits, as in spec.py."""

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
    run: Callable[[Sequence[Tensor]], Sequence[Tensor]]

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


def input_side(network: object, size: int | None = None, kind: NetworkKind = SEGMENTER) -> int:
    """Side of a network's square input: `size`, else what it says itself, else its kind's."""
    side: int = getattr(network, "size", kind.size) if size is None else size
    return side


def check_kind(role: str, network: object, wanted: NetworkKind) -> None:
    """See that a network is what it is taken for; one that does not say its kind is trusted.

    Raises:
        ConfigError: it is of another kind.
    """
    found = getattr(network, "kind", wanted)
    if found is not wanted:
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
    path = Path(source)
    if str(path) in NAMES and not path.exists():
        path = shipped_weights(str(path))
    if path.suffix != WEIGHTS_SUFFIX:
        return _load_artifact(path, size, kind)
    return folded(load_weights(path, size, kind)[1])


def _load_artifact(path: Path, size: int | None, kind: NetworkKind | None) -> LoadedNetwork:
    """Load an exported network through the runtime of its suffix.

    Raises:
        ArtifactError: missing, damaged, of no known runtime or another size or kind.
        MissingDependencyError: the runtime is not installed.
    """
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
    if kind not in (None, loaded.kind):
        raise ArtifactError(
            f"{path} is a {loaded.kind.title}, not a {kind.title}; give an artifact of "
            "that, or the directory that both were exported to"
        )
    return loaded
