"""The same elements in another arrangement."""

import torch
from torch import Tensor

from squeezesam_export.mlprogram.registry import Bools, Ints, op


@op("reshape")
def reshape(x: Tensor, shape: Ints) -> Tensor:
    """Another shape; 0 keeps the side of x at that place, one -1 takes what is left."""
    kept = [x.shape[place] if side == 0 else side for place, side in enumerate(shape)]
    return x.reshape(kept)


@op("transpose")
def transpose(x: Tensor, perm: Ints) -> Tensor:
    """Axes in another order."""
    return x.permute(perm)


@op("slice_by_index")
def slice_by_index(
    x: Tensor,
    begin: Ints,
    end: Ints,
    stride: Ints | None = None,
    begin_mask: Bools | None = None,
    end_mask: Bools | None = None,
    squeeze_mask: Bools | None = None,
) -> Tensor:
    """Python's x[begin:end:stride] in each axis.

    Where begin_mask or end_mask is set, that bound is left out; where squeeze_mask is set, the one
    element at begin is taken and its axis dropped.
    """
    for axis in reversed(range(x.ndim)):
        if squeeze_mask and squeeze_mask[axis]:
            x = x.select(axis, begin[axis])
            continue
        bounds = slice(
            None if begin_mask and begin_mask[axis] else begin[axis],
            None if end_mask and end_mask[axis] else end[axis],
            stride[axis] if stride else 1,
        )
        # PyTorch slices forwards only.
        picked = range(x.shape[axis])[bounds]
        x = x.index_select(axis, torch.tensor(picked, dtype=torch.int64))
    return x
