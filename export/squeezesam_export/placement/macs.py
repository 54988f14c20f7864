"""Multiplications and additions of an operator, to weigh findings."""

import math
from collections.abc import Sequence

from squeezesam_export.mlprogram.program import Operation
from squeezesam_export.placement.rule import Context, result_types


def macs(operation: Operation, context: Context) -> int:
    """Those of convolutions, linear layers and matrix products of known shape; else 0."""
    match operation.kind:
        case "conv" | "linear":
            (weight, *_) = context.tensors(operation, "weight")
            each = size(weight.shape[1:])
        case "matmul":
            (taken, *_) = context.tensors(operation, "x")
            transposed = context.numbers(operation, "transpose_x")
            each = size(taken.shape[-2:-1] if any(transposed) else taken.shape[-1:])
        case _:
            return 0
    return each * sum(size(type_.shape) for type_ in result_types(operation))


def size(shape: Sequence[int | None]) -> int:
    """Elements of a tensor; 0 if a side is unknown."""
    return math.prod(side or 0 for side in shape)
