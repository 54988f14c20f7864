"""Weights that are stored compressed."""

import math

import torch
from torch import Tensor

from squeezesam_export.mlprogram.blobs import unpacked
from squeezesam_export.mlprogram.elements import ELEMENTS
from squeezesam_export.mlprogram.ops.quantization import along
from squeezesam_export.mlprogram.registry import Ints, op


@op("constexpr_affine_dequantize", since=6)
def constexpr_affine_dequantize(
    quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: int
) -> Tensor:
    """Scale * (quantized_data - zero_point)."""
    steps = quantized_data - along(zero_point, quantized_data, axis)
    return along(scale, quantized_data, axis) * steps


@op("constexpr_lut_to_dense", since=6, until=7)
def lut_to_dense_ios16(indices: Tensor, lut: Tensor, shape: Ints) -> Tensor:
    """Entries of one table; the indices are packed in bytes from the lowest bit on."""
    bits = (len(lut) - 1).bit_length()
    element = ELEMENTS[f"uint{bits}"]
    count = math.prod(shape)
    data = indices.to(torch.uint8).numpy().tobytes()
    return lut[torch.from_numpy(unpacked(data, element, count)).long()].reshape(shape)


@op("constexpr_lut_to_dense", since=8)
def lut_to_dense_ios18(indices: Tensor, lut: Tensor, vector_axis: int | None = None) -> Tensor:
    """Entries of one table for each block of the indices; an entry may be a vector.

    Args:
        indices: [*I].
        lut: [*tables, entries, vector], where each number of tables divides the side of I.
        vector_axis: along which a vector lies in the result.
    """
    *tables, _, width = lut.shape
    for axis, (side, number) in enumerate(zip(indices.shape, tables, strict=True)):
        lut = lut.repeat_interleave(side // number, dim=axis)
    picked = lut.gather(-2, indices.long()[..., None, None].expand(*indices.shape, 1, width))
    picked = picked[..., 0, :]  # [*I, vector]
    if vector_axis is None:
        return picked[..., 0]
    axis = vector_axis % indices.ndim
    return picked.movedim(-1, axis + 1).flatten(axis, axis + 1)


@op("constexpr_blockwise_shift_scale", since=8)
def constexpr_blockwise_shift_scale(
    data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> Tensor:
    """Scale * (data - offset), where each covers a block of the data."""
    steps = data if offset is None else data - blockwise(offset, data)
    return blockwise(scale, data) * steps


def blockwise(parameter: Tensor, data: Tensor) -> Tensor:
    """A parameter repeated to the shape of the data."""
    for axis, (side, number) in enumerate(zip(data.shape, parameter.shape, strict=True)):
        parameter = parameter.repeat_interleave(side // number, dim=axis)
    return parameter
