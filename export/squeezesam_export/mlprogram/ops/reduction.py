"""Reductions along axes."""

from collections.abc import Callable

import torch
from torch import Tensor

from squeezesam_export.mlprogram.ops.tensor_operation import check_index_type
from squeezesam_export.mlprogram.registry import Ints, op

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
