"""Choosing by conditions; what holds blocks of operators is not here."""

import torch
from torch import Tensor

from squeezesam_export.mlprogram.registry import op


@op("select")
def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """A where cond is true, else b; shapes are broadcast."""
    return torch.where(cond, a, b)
