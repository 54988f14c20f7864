"""Compressed weights in ML Programs; activations stay in float16."""

from collections.abc import Iterable
from typing import Any

from squeezesam_export.quantization.schemes import Palettized, WeightInt8

SMALLEST = 512
"""Values of the smallest weight that is worth compressing."""

CHANNELS_PER_TABLE = {4: 8, 6: None}
"""By bits: 16 values are too few for a whole layer, so that each 8 channels get their own table."""


def compress_weights(package: Any, scheme: WeightInt8 | Palettized, kept: Iterable[str]) -> Any:
    """An ML Program whose weights are decompressed before use.

    Args:
        package: a coremltools.models.MLModel.
        scheme: how to compress.
        kept: names of operators whose weights stay as they are.
    """
    import coremltools.optimize.coreml as cto

    def options(one: Any) -> Any:
        return cto.OptimizationConfig(global_config=one, op_name_configs=dict.fromkeys(kept))

    if isinstance(scheme, WeightInt8):
        linear = cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=SMALLEST)
        return cto.linear_quantize_weights(package, options(linear))
    group = CHANNELS_PER_TABLE[scheme.bits]
    grouped = {"granularity": "per_grouped_channel", "group_size": group} if group else {}
    palette = cto.OpPalettizerConfig(
        nbits=scheme.bits, mode="kmeans", weight_threshold=SMALLEST, **grouped
    )
    return cto.palettize_weights(package, options(palette))
