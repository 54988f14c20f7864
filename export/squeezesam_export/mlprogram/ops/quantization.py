"""Activations as small integers, from iOS 17 on."""

import torch
from torch import Tensor

from squeezesam_export.mlprogram.ops.axes import along
from squeezesam_export.mlprogram.registry import UnsupportedError, op

RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


@op("quantize", since=7)
def quantize(
    input: Tensor,  # noqa: A002 - the operator's own name
    scale: Tensor,
    output_dtype: str,
    zero_point: Tensor | None = None,
    axis: int | None = None,
) -> Tensor:
    """clip(round(input / scale) + zero_point), ties to even."""
    if output_dtype not in RANGES:
        raise UnsupportedError(f"output_dtype {output_dtype!r} is unknown")
    steps = torch.round(input / along(scale, input, axis))
    if zero_point is not None:
        steps = steps + along(zero_point, input, axis)
    return steps.clamp(*RANGES[output_dtype]).to(torch.int32)


@op("dequantize", since=7)
def dequantize(
    input: Tensor,  # noqa: A002 - the operator's own name
    scale: Tensor,
    zero_point: Tensor | None = None,
    axis: int | None = None,
) -> Tensor:
    """Scale * (input - zero_point)."""
    steps = input if zero_point is None else input - along(zero_point, input, axis)
    return along(scale, input, axis) * steps
