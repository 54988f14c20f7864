"""Loading a network from any file: our weights, or an artifact through its runtime."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam.network.folding import folded
from squeezesam.spec import INPUT_SIZE
from squeezesam.weights import load_detector, load_weights

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
class InterpretedNetwork:
    """An artifact whose own runtime is not here, run by a reference interpreter.

    Its answers say what the file means; how long they take says nothing.

    Attributes:
        network: what runs it.
    """

    network: NetworkCallable

    def __call__(
        self, image: Tensor, prompt_maps: Tensor, prompt_tokens: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As any network callable."""
        return self.network(image, prompt_maps, prompt_tokens)


WEIGHTS_SUFFIX = ".safetensors"
MANIFEST_NAME = "manifest.json"
DIRECTORY_RUNTIME = "directory"


def load_network(path: Path, size: int = INPUT_SIZE) -> NetworkCallable:
    """Load a network that takes square inputs of `size` pixels.

    Args:
        path: weights (.safetensors), an artifact of a known runtime, or an export directory.
        size: for weights only; an artifact has the size that it was exported with.

    Raises:
        WeightsError: the weights are missing or damaged.
        ArtifactError: the artifact is missing, damaged or of no known runtime.
        MissingDependencyError: the artifact's runtime is not installed.
    """
    if path.suffix == WEIGHTS_SUFFIX:
        _, model = load_weights(path, size)
        return folded(model)
    if size != INPUT_SIZE:
        raise ArtifactError(f"{path} has a fixed input size, not {size}; a size suits weights only")
    if not path.exists():
        raise ArtifactError(f"no artifact {path}; give weights, an artifact or an export directory")
    runtimes = {entry.name: entry for entry in entry_points(group="squeezesam.runtimes")}
    is_export = (path / MANIFEST_NAME).is_file()
    name = DIRECTORY_RUNTIME if is_export else path.suffix[1:]
    suffixes = [name for name in runtimes if name != DIRECTORY_RUNTIME]
    if not is_export and name not in suffixes:
        known = ", ".join([WEIGHTS_SUFFIX, *(f".{suffix}" for suffix in suffixes)])
        raise ArtifactError(
            f"{path} is no network; give a {known} file or a directory with {MANIFEST_NAME}"
        )
    load: Callable[[Path], NetworkCallable] = runtimes[name].load()
    return load(path)


def load_detector_network(path: Path, size: int = INPUT_SIZE) -> DetectorCallable:
    """Load a salient-object detector that takes square inputs of `size` pixels.

    Raises:
        WeightsError: the weights are missing, damaged or not a detector's.
    """
    _, model = load_detector(path, size)
    return folded(model)
