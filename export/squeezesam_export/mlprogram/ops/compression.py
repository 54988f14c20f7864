"""Weights that are stored compressed, and activations as small integers."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from squeezesam_export.mlprogram.elements import ELEMENTS
from squeezesam_export.mlprogram.program import unpacked
from squeezesam_export.mlprogram.registry import Ints, UnsupportedError, along, op

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


@op("constexpr_affine_dequantize", since=6)
def constexpr_affine_dequantize(
    quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: int
) -> Tensor:
    """Scale * (quantized_data - zero_point)."""
    return dequantize(quantized_data, scale, zero_point, axis)


@op("constexpr_cast", since=6)
def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    """Float16 as float32."""
    if output_dtype != "fp32":
        raise UnsupportedError(f"output_dtype {output_dtype!r} is unknown")
    return source_val


@op("constexpr_lut_to_dense", since=6, until=7)
def lut_to_dense_ios16(indices: Tensor, lut: Tensor, shape: Ints) -> Tensor:
    """Entries of one table."""
    return lut[bit_fields(indices, (len(lut) - 1).bit_length(), shape).long()]


@op("constexpr_lut_to_dense", since=8)
def lut_to_dense_ios18(indices: Tensor, lut: Tensor, vector_axis: int | None = None) -> Tensor:
    """Entries of one table for each block of the indices; an entry may be a vector.

    Args:
        indices: [*I].
        lut: [*tables, entries, vector], where each number of tables divides the side of I.
        vector_axis: along which a vector lies in the result.
    """
    entries, width = lut.shape[-2:]
    lut = blockwise(lut, (*indices.shape, entries, width))
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
    steps = data if offset is None else data - blockwise(offset, data.shape)
    return blockwise(scale, data.shape) * steps


@op("constexpr_sparse_to_dense", since=6, until=7)
def sparse_to_dense_ios16(nonzero_data: Tensor, mask: Tensor, shape: Ints) -> Tensor:
    """Values in order where the mask is set, zero elsewhere."""
    return sparse_to_dense_ios18(nonzero_data, bit_fields(mask, 1, shape))


@op("constexpr_sparse_to_dense", since=8)
def sparse_to_dense_ios18(nonzero_data: Tensor, mask: Tensor) -> Tensor:
    """Values in order where the mask is set, zero elsewhere."""
    chosen = mask != 0
    if chosen.sum() != len(nonzero_data):
        raise UnsupportedError(f"{len(nonzero_data)} values for {int(chosen.sum())} places")
    dense = torch.zeros(mask.shape, dtype=nonzero_data.dtype)
    dense[chosen] = nonzero_data
    return dense


@op("constexpr_lut_to_sparse", since=8)
def constexpr_lut_to_sparse(
    indices_mask: Tensor,
    indices_nonzero_data: Tensor,
    lut: Tensor,
    vector_axis: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Mask and values of the entries that indices choose where the mask is set."""
    indices = sparse_to_dense_ios18(indices_nonzero_data, indices_mask)
    dense = lut_to_dense_ios18(indices, lut, vector_axis)
    mask = indices_mask
    if vector_axis is not None:
        mask = mask.repeat_interleave(lut.shape[-1], dim=vector_axis)
    return mask, dense[mask != 0]


@op("constexpr_sparse_blockwise_shift_scale", since=8)
def constexpr_sparse_blockwise_shift_scale(
    data_mask: Tensor, nonzero_data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The mask, and scale * (data - offset) where it is set."""
    dense = sparse_to_dense_ios18(nonzero_data, data_mask)
    return data_mask, constexpr_blockwise_shift_scale(dense, scale, offset)[data_mask != 0]


def bit_fields(data: Tensor, bits: int, shape: Sequence[int]) -> Tensor:
    """Numbers of so many bits, packed in bytes from the lowest bit on."""
    packed = data.to(torch.uint8).numpy().tobytes()
    fields = unpacked(packed, ELEMENTS[f"uint{bits}"], math.prod(shape))
    return torch.from_numpy(fields.copy()).reshape(tuple(shape))


def blockwise(parameter: Tensor, shape: Sequence[int]) -> Tensor:
    """A parameter repeated to a shape, each value over a block of it."""
    for axis, (side, number) in enumerate(zip(shape, parameter.shape, strict=True)):
        parameter = parameter.repeat_interleave(side // number, dim=axis)
    return parameter
