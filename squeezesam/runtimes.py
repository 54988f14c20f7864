"""Loading a network from any file: our weights, or an artifact through its runtime."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from torch import Tensor

from squeezesam.config import DEFAULT_DETECTOR
from squeezesam.errors import ArtifactError
from squeezesam.files import PathLike, check_name
from squeezesam.network.folding import folded
from squeezesam.spec import DETECTOR, INPUT_SIZE, SEGMENTER, Interface
from squeezesam.weights import load_detector, load_weights, shipped_weights

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
        interface: which network it is, told by what the file takes and gives.
        size: side of its square image input in pixels.
        run: its inputs -> its outputs, each in the order of the interface.
    """

    interface: Interface
    size: int
    run: Callable[[Sequence[Tensor]], Sequence[Tensor]]

    def __call__(self, *inputs: Tensor) -> Any:
        """The one output, or a tuple of several."""
        outputs = tuple(self.run(inputs))
        return outputs[0] if len(outputs) == 1 else outputs


class InterpretedNetwork(LoadedNetwork):
    """An artifact whose own runtime is not here, run by a reference interpreter.

    Its answers say what the file means; how long they take says nothing.
    """


def input_side(network: object, size: int | None = None) -> int:
    """Side of a network's square image input: `size`, else what it says itself, else INPUT_SIZE."""
    side: int = getattr(network, "size", INPUT_SIZE) if size is None else size
    return side


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


def load_network(path: PathLike, size: int = INPUT_SIZE) -> NetworkCallable:
    """Load a network that takes square inputs of `size` pixels.

    Args:
        path: weights (.safetensors), an artifact of a known runtime, or an export directory.
        size: for weights only; an artifact has the size that it was exported with.

    Raises:
        WeightsError: the weights are missing, damaged or a detector's.
        ArtifactError: the artifact is missing, damaged, of no known runtime or a detector.
        MissingDependencyError: the artifact's runtime is not installed.
    """
    path = Path(path)
    if path.suffix == WEIGHTS_SUFFIX:
        _, model = load_weights(path, size)
        return folded(model)
    return load_artifact(path, size, SEGMENTER)


def load_detector_network(path: PathLike, size: int = INPUT_SIZE) -> DetectorCallable:
    """Load a salient-object detector that takes square inputs of `size` pixels.

    Args:
        path: as of `load_network`; of an export directory, the detector in it.
        size: likewise.

    Raises:
        WeightsError: the weights are missing, damaged or not a detector's.
        ArtifactError: the artifact is missing, damaged, of no known runtime or not a detector.
        MissingDependencyError: the artifact's runtime is not installed.
    """
    path = Path(path)
    if path.suffix == WEIGHTS_SUFFIX:
        _, model = load_detector(path, size)
        return folded(model)
    return load_artifact(path, size, DETECTOR)


def load_artifact(path: Path, size: int, interface: Interface) -> LoadedNetwork:
    """Load an exported network of one kind through the runtime of its suffix.

    Raises:
        ArtifactError: missing, damaged, of no known runtime or another size or kind.
        MissingDependencyError: the runtime is not installed.
    """
    if size != INPUT_SIZE:
        raise ArtifactError(f"{path} has a fixed input size, not {size}; a size suits weights only")
    check_name(path, ArtifactError)
    if not path.exists():
        raise ArtifactError(f"no artifact {path}; give weights, an artifact or an export directory")
    runtimes = {entry.name: entry for entry in entry_points(group="squeezesam.runtimes")}
    if is_export(path):
        load_from: Callable[[Path, Interface], LoadedNetwork] = runtimes[DIRECTORY_RUNTIME].load()
        return load_from(path, interface)
    name = path.suffix[1:]
    suffixes = [name for name in runtimes if name != DIRECTORY_RUNTIME]
    if name not in suffixes:
        known = ", ".join([WEIGHTS_SUFFIX, *(f".{suffix}" for suffix in suffixes)])
        raise ArtifactError(
            f"{path} is no network; give a {known} file or a directory with {MANIFEST_NAME}"
        )
    load: Callable[[Path], LoadedNetwork] = runtimes[name].load()
    loaded = load(path)
    if loaded.interface is not interface:
        raise ArtifactError(
            f"{path} is a {loaded.interface.title}, not a {interface.title}; give an artifact of "
            "that, or the directory that both were exported to"
        )
    return loaded
