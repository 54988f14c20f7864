"""segment-anything's way to a model: `sam_model_registry["base"](checkpoint=...)`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import nn

from squeezesam.config import DEFAULT_VARIANT, VARIANTS, variant_config
from squeezesam.errors import WeightsError
from squeezesam.network.build import build_network
from squeezesam.network.folding import folded
from squeezesam.spec import SEGMENTER
from squeezesam.weights import load_weights


def build_sam(
    variant: str, checkpoint: str | Path | None = None, size: int | None = None
) -> nn.Module:
    """A network for inference: in eval mode, its BatchNorms folded.

    Args:
        variant: name in `squeezesam.config.VARIANTS`.
        checkpoint: weights of that variant; None gives random weights, as in segment-anything.
        size: side of the square input in pixels; by default that of the network.

    Raises:
        ConfigError: unknown variant.
        WeightsError: missing or damaged weights, or those of another variant.
    """
    if checkpoint is None:
        return folded(build_network(variant_config(variant), size))
    name, model = load_weights(checkpoint, size, SEGMENTER)
    if name != variant:
        raise WeightsError(f"{checkpoint} holds {name!r} weights, not {variant!r}; build {name!r}")
    return folded(model)


sam_model_registry: dict[str, Callable[..., nn.Module]] = {
    "default": partial(build_sam, DEFAULT_VARIANT),
    **{variant: partial(build_sam, variant) for variant in VARIANTS},
}
"""Builders by variant; each takes `checkpoint` and `size` as `build_sam` does."""
