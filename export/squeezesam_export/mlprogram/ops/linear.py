"""Matrix products."""

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam_export.mlprogram.registry import Tensors, op


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
