"""Joining, splitting, filling and looking up."""

import torch
from torch import Tensor

from squeezesam_export.mlprogram.registry import Tensors, op


@op("concat")
def concat(values: Tensors, axis: int, interleave: bool = False) -> Tensor:
    """Joined along an axis; with interleave, slice by slice in turn."""
    if interleave:
        return torch.stack(values, axis % values[0].ndim + 1).flatten(axis, axis + 1)
    return torch.cat(values, axis)
