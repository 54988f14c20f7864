"""Reductions along axes, matrix products and attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam_export.mlprogram.ops.tensor_operation import check_index_type
from squeezesam_export.mlprogram.registry import Ints, Tensors, op

Reduce = Callable[[Tensor, Ints, bool], Tensor]
"""Takes a tensor, the axes, and whether they stay as sides of one."""


def register_reduction(kind: str, function: Reduce) -> None:
    """Register a reduction along some axes, along all where none is given.

    Integers are reduced in float64 and the result cut off to an integer, as coremltools does where
    it evaluates the operator; the documentation allows them and does not say how they are rounded.
    """

    @op(kind)
    def reduction(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
        values = x if x.is_floating_point() else x.double()
        return function(values, axes or tuple(range(x.ndim)), keep_dims).to(x.dtype)


def product(x: Tensor, axes: Ints, keep_dims: bool) -> Tensor:
    """Product along axes; PyTorch has it along one."""
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.prod(axis, keep_dims)
    return x


REDUCTIONS: dict[str, Reduce] = {
    "reduce_l1_norm": lambda x, axes, keep_dims: x.abs().sum(axes, keep_dims),
    "reduce_l2_norm": lambda x, axes, keep_dims: x.square().sum(axes, keep_dims).sqrt(),
    "reduce_log_sum": lambda x, axes, keep_dims: x.sum(axes, keep_dims).log(),
    "reduce_log_sum_exp": torch.logsumexp,
    "reduce_max": torch.amax,
    "reduce_mean": torch.mean,
    "reduce_min": torch.amin,
    "reduce_prod": product,
    "reduce_sum": torch.sum,
    "reduce_sum_square": lambda x, axes, keep_dims: x.square().sum(axes, keep_dims),
}
for _kind, _function in REDUCTIONS.items():
    register_reduction(_kind, _function)


def register_arg(kind: str, function: Callable[[Tensor, int, bool], Tensor]) -> None:
    """Register the index of an extreme along an axis, which of equal ones is not defined."""

    @op(kind, until=6)
    def arg(x: Tensor, axis: int = -1, keep_dims: bool = False) -> Tensor:
        return function(x, axis, keep_dims)

    @op(kind, since=7)
    def arg_ios17(
        x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32"
    ) -> Tensor:
        check_index_type(output_dtype)
        return arg(x, axis, keep_dims)


register_arg("reduce_argmax", torch.argmax)
register_arg("reduce_argmin", torch.argmin)


@op("linear")
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """X @ weight.T + bias: [..., in], [out, in] -> [..., out]."""
    return F.linear(x, weight, bias)


@op("matmul")
def matmul(x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """Product of matrices in the last two axes; a vector is not transposed."""
    if transpose_x and x.ndim > 1:
        x = x.transpose(-1, -2)
    if transpose_y and y.ndim > 1:
        y = y.transpose(-1, -2)
    return torch.matmul(x, y)


@op("einsum")
def einsum(values: Tensors, equation: str) -> Tensor:
    """Sums of products by Einstein's notation; sides of one are broadcast."""
    return torch.einsum(equation, *values)


@op("scaled_dot_product_attention", since=8)
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
) -> Tensor:
    """softmax(query @ key.T / sqrt(E) + mask) @ value: [*B, L, E], [*B, S, E], [*B, S, V].

    A mask of booleans says what takes part.
    """
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.softmax(scores, -1) @ value
