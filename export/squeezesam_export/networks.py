"""The networks of an export, loaded from their weights and folded."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from squeezesam.config import DEFAULT_DETECTOR, DEFAULT_VARIANT
from squeezesam.errors import WeightsError
from squeezesam.network.folding import folded
from squeezesam.spec import DETECTOR, SEGMENTER, NetworkKind
from squeezesam.weights import load_weights, shipped_weights
from squeezesam_export.artifacts import sha256_of


@dataclass(frozen=True)
class Exported:
    """A network that is exported.

    Attributes:
        kind: its kind.
        variant: its name.
        weights_sha256: of the file that it was loaded from.
        model: folded, in float32.
    """

    kind: NetworkKind
    variant: str
    weights_sha256: str
    model: nn.Module


def load_segmenter(weights: Path | None, wanted: str | None, size: int) -> Exported:
    """The promptable network.

    Args:
        weights: None for those that are shipped.
        wanted: name of its variant; None for that of the weights, or the default.
        size: side of the square input in pixels.

    Raises:
        ConfigError: an unknown variant.
        WeightsError: its weights are missing, damaged or of another variant.
    """
    path = weights or shipped_weights(wanted or DEFAULT_VARIANT)
    variant, network = load_weights(path, size, SEGMENTER)
    if wanted not in (None, variant):
        raise WeightsError(
            f"{path} holds {variant!r} weights, not {wanted!r}; "
            "leave --variant out or give other weights"
        )
    return Exported(SEGMENTER, variant, sha256_of(path), folded(network))


def load_saliency_detector(weights: Path | None, size: int) -> Exported:
    """The salient-object detector.

    Args:
        weights: None for those that are shipped.
        size: side of the square input in pixels.

    Raises:
        WeightsError: its weights are missing, damaged or another network's.
    """
    try:
        path = weights or shipped_weights(DEFAULT_DETECTOR)
    except WeightsError as error:
        raise WeightsError(
            f"no weights of {DEFAULT_DETECTOR!r} are shipped; give --detector WEIGHTS, or "
            "--no-detector to export without it"
        ) from error
    variant, network = load_weights(path, size, DETECTOR)
    return Exported(DETECTOR, variant, sha256_of(path), folded(network))
