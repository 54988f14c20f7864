"""Reductions along axes."""

import torch
from torch import Tensor

from squeezesam_export.mlprogram.registry import Ints, op


@op("reduce_mean")
def reduce_mean(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Mean; along all axes where none is given."""
    return torch.mean(x, axes, keep_dims)
