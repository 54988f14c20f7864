"""Rules about compressed weights."""

import math

from squeezesam_export.mlprogram.program import Operation
from squeezesam_export.placement.rule import Context, Effect, Rule, result_types
from squeezesam_export.placement.sources import CORE_AI_RULES, PALETTIZATION, QUANTIZATION

PALETTE = "constexpr_lut_to_dense"
GOOD_GROUP = 8
MAX_PALETTE_STRIDE = 2
TABLE_AXES = 2
"""Last axes of the tables of iOS 18: entries, and values of an entry."""


def blockwise(operation: Operation, context: Context) -> str | None:
    """A weight with several scales in an output channel."""
    if operation.kind != "constexpr_blockwise_shift_scale":
        return None
    for scale in context.tensors(operation, "scale"):
        if sum(side != 1 for side in scale.shape) > 1:
            return f"scales {list(scale.shape)}"
    return None


def many_tables(operation: Operation, context: Context) -> str | None:
    """A weight with a table for each few channels."""
    if operation.kind != PALETTE:
        return None
    (table, *_), (weight, *_) = context.tensors(operation, "lut"), result_types(operation)
    tables = math.prod(side or 1 for side in table.shape[:-TABLE_AXES])
    channels = max((side or 1) for side in weight.shape[:2])
    if tables == 1 or channels >= tables * GOOD_GROUP:
        return None
    return f"{tables} tables for {list(weight.shape)}"


def palette_stride(operation: Operation, context: Context) -> str | None:
    """A convolution with a palette and a large stride."""
    strides = context.integers(operation, "strides")
    if operation.kind != "conv" or max(strides, default=1) <= MAX_PALETTE_STRIDE:
        return None
    for weight in operation.operands.get("weight", ()):
        producer = context.producers.get(weight) if isinstance(weight, str) else None
        if producer and producer.kind == PALETTE:
            return f"strides {list(strides)}"
    return None


WEIGHT_RULES = (
    Rule(
        "blockwise",
        Effect.SLOWS,
        "On the Neural Engine a scale for each channel is recommended, not for each block.",
        QUANTIZATION,
        blockwise,
    ),
    Rule(
        "many-tables",
        Effect.SLOWS,
        f"More tables cost time; groups of {GOOD_GROUP} or 16 channels were still a gain.",
        PALETTIZATION,
        many_tables,
    ),
    Rule(
        "palette-stride",
        Effect.SLOWS,
        f"With palettized kernels use strides up to {MAX_PALETTE_STRIDE}.",
        CORE_AI_RULES,
        palette_stride,
    ),
)
