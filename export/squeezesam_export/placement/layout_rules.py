"""Rules about ranks, layouts, alignment and compressed weights."""

import math
from collections.abc import Callable

from squeezesam_export.mlprogram.program import Operation, TensorType
from squeezesam_export.placement.rule import (
    CORE_AI_RULES,
    PALETTIZATION,
    QUANTIZATION,
    TRANSFORMERS,
    WIDTH_PROBE,
    Context,
    Effect,
    Rule,
    result_types,
)

MAX_RANK = 5
BEST_RANK = 4
ALIGNMENT_BYTES = 64
MAX_WIDTH = 16384


def activations(operation: Operation) -> list[TensorType]:
    """Types of the tensors that an operator writes when the program runs."""
    return [] if operation.decompresses else result_types(operation)


def too_many_axes(operation: Operation, context: Context) -> str | None:
    """A tensor of rank 6."""
    del context
    for type_ in activations(operation):
        if len(type_.shape) > MAX_RANK:
            return f"gives rank {len(type_.shape)}, {type_}"
    return None


def wide(operation: Operation, context: Context) -> str | None:
    """A last axis that is too long."""
    del context
    for type_ in activations(operation):
        width = type_.shape[-1] if type_.shape else None
        if width is not None and width > MAX_WIDTH:
            return f"gives {type_}, wider than {MAX_WIDTH}"
    return None


def other_rank(operation: Operation, context: Context) -> str | None:
    """A tensor that is not [B, C, H, W]."""
    del context
    for type_ in activations(operation):
        if len(type_.shape) != BEST_RANK:
            return f"gives rank {len(type_.shape)}, {type_}"
    return None


def singleton(operation: Operation, context: Context) -> str | None:
    """A last axis of one element."""
    del context
    return padding(operation, lambda width, used: width == 1 and used < ALIGNMENT_BYTES)


def narrow(operation: Operation, context: Context) -> str | None:
    """A last axis of less than 64 bytes."""
    del context
    return padding(operation, lambda width, used: width > 1 and used < ALIGNMENT_BYTES)


def unaligned(operation: Operation, context: Context) -> str | None:
    """A longer last axis that ends between multiples of 64 bytes."""
    del context
    return padding(operation, lambda width, used: width > 1 and used > ALIGNMENT_BYTES)


def padding(operation: Operation, chosen: Callable[[int, float], bool]) -> str | None:
    """The first tensor with a padded last axis, and how much memory that costs.

    Args:
        operation: that gives the tensor.
        chosen: says by elements and bytes of the last axis whether it is meant.
    """
    for type_ in activations(operation):
        width = type_.shape[-1] if type_.shape else None
        if not width or not type_.element.bits:
            continue
        used = width * type_.element.bits / 8
        padded = math.ceil(used / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        if padded > used and chosen(width, used):
            return f"{type_}: {used:g} bytes are padded to {padded}, {padded / used:.2f}x"
    return None


def copies(operation: Operation, context: Context) -> str | None:
    """A reshape or a transpose."""
    if operation.kind not in ("reshape", "transpose"):
        return None
    (taken, *_), (given, *_) = context.tensors(operation, "x"), result_types(operation)
    return f"{taken} becomes {list(given.shape)}"


def linear(operation: Operation, context: Context) -> str | None:
    """A linear layer."""
    if operation.kind != "linear":
        return None
    (taken, *_) = context.tensors(operation, "x")
    return f"on {taken}; use a 1x1 convolution on [B, C, 1, S]"


def heads_together(operation: Operation, context: Context) -> str | None:
    """Attention of all heads at once."""
    if operation.kind == "scaled_dot_product_attention":
        return "attention as one operator"
    taken = [one for name in ("x", "y") for one in operation.operands.get(name, ())]
    types = result_types(operation)
    if operation.kind != "matmul" or not all(map(context.computed, taken)) or not types:
        return None
    heads = math.prod(side or 1 for side in types[0].shape[:-2])
    return f"{heads} products in one, {types[0]}" if heads > 1 else None


def softmax_place(operation: Operation, context: Context) -> str | None:
    """Softmax along something else than the channels."""
    if operation.kind != "softmax":
        return None
    (taken, *_) = context.tensors(operation, "x")
    (axis,) = context.integers(operation, "axis") or (-1,)
    channels = BEST_RANK - 3  # of [B, C, H, W]
    if len(taken.shape) == BEST_RANK and axis % BEST_RANK == channels:
        return None
    return f"along axis {axis} of {taken}"


LAYOUT_RULES = (
    Rule(
        "rank-6",
        Effect.KEEPS_OFF,
        f"Intermediate tensors of more than {MAX_RANK} axes are rejected.",
        CORE_AI_RULES,
        too_many_axes,
    ),
    Rule(
        "width",
        Effect.KEEPS_OFF,
        f"A last axis of more than {MAX_WIDTH} elements did not compile.",
        WIDTH_PROBE,
        wide,
    ),
    Rule(
        "layout",
        Effect.SLOWS,
        "4 axes with the channels first, such as [B, C, 1, S], suit hardware and software best.",
        TRANSFORMERS,
        other_rank,
    ),
    Rule(
        "linear",
        Effect.SLOWS,
        "Linear layers belong to the channels-last layout; Apple replaces each by a 1x1 "
        "convolution.",
        TRANSFORMERS,
        linear,
    ),
    Rule(
        "reshape",
        Effect.SLOWS,
        "Reshapes and transposes are likely to copy memory.",
        TRANSFORMERS,
        copies,
    ),
    Rule(
        "attention",
        Effect.SLOWS,
        "Attention is faster as a list of single heads, whose small tensors stay in the cache.",
        TRANSFORMERS,
        heads_together,
    ),
    Rule(
        "softmax",
        Effect.SLOWS,
        "Softmax along height or width keeps the compiler from splitting large tensors there; the "
        "channels are better.",
        CORE_AI_RULES,
        softmax_place,
    ),
    Rule(
        "singleton",
        Effect.SLOWS,
        f"The last axis is padded to {ALIGNMENT_BYTES} bytes; one element there is the worst case.",
        TRANSFORMERS,
        singleton,
    ),
    Rule(
        "narrow",
        Effect.SLOWS,
        f"The last axis should have {ALIGNMENT_BYTES} bytes at least, 32 elements of float16; "
        "between operators fewer may do, while a tensor stays in the cache.",
        CORE_AI_RULES,
        narrow,
    ),
    Rule(
        "alignment",
        Effect.SLOWS,
        f"The last axis is padded to a multiple of {ALIGNMENT_BYTES} bytes.",
        TRANSFORMERS,
        unaligned,
    ),
)


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
