"""The same elements in another arrangement."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam_export.mlprogram.registry import Bools, Ints, Tensors, UnsupportedError, along, op


@op("expand_dims")
def expand_dims(x: Tensor, axes: Ints) -> Tensor:
    """New sides of one, at these axes of the result."""
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


@op("squeeze")
def squeeze(x: Tensor, axes: Ints | None = None) -> Tensor:
    """Without sides of one, all or some; other sides stay."""
    return x.squeeze() if axes is None else x.squeeze(axes)


@op("reshape", until=6)
def reshape(x: Tensor, shape: Ints) -> Tensor:
    """Another shape; 0 keeps the side of x at that place, one -1 takes what is left."""
    if 0 in shape and len(shape) != x.ndim:
        raise UnsupportedError(f"shape {list(shape)} has 0, and not as many sides as x ({x.ndim})")
    return reshape_ios17(x, shape)


@op("reshape", since=7)
def reshape_ios17(x: Tensor, shape: Ints) -> Tensor:
    """As before; 0 keeps the side at the same distance from the last one, 1 where there is none."""
    sides = (1,) * len(shape) + tuple(x.shape)
    aligned = sides[len(sides) - len(shape) :]
    return x.reshape([side or kept for side, kept in zip(shape, aligned, strict=True)])


@op("reshape_like", since=6)
def reshape_like(
    x: Tensor, ref_tensors: Tensors, begins: Tensors, ends: Tensors, end_masks: Tensors
) -> Tensor:
    """A shape made of sides from begin to end of each reference, to its last with end_mask."""
    sides: list[int] = []
    for reference, begin, end, to_last in zip(ref_tensors, begins, ends, end_masks, strict=True):
        sides += reference.shape[int(begin) : None if to_last else int(end)]
    return x.reshape(sides)


@op("transpose")
def transpose(x: Tensor, perm: Ints) -> Tensor:
    """Axes in another order."""
    return x.permute(perm)


@op("reverse")
def reverse(x: Tensor, axes: Ints | None = None) -> Tensor:
    """From the last to the first along some axes, or all."""
    return x.flip(tuple(range(x.ndim)) if axes is None else axes)


@op("reverse_sequence")
def reverse_sequence(x: Tensor, lengths: Tensor, seq_axis: int = 0, batch_axis: int = 0) -> Tensor:
    """The first lengths[b] elements of seq_axis from the last to the first, for each b."""
    places = along(torch.arange(x.shape[seq_axis]), x, seq_axis)
    lengths = along(lengths, x, batch_axis)
    places = torch.where(places < lengths, lengths - 1 - places, places)
    return torch.take_along_dim(x, places, seq_axis)


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
    picked = picked_places(x.shape, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    for axis, places in enumerate(picked):
        if places != range(x.shape[axis]):
            # PyTorch slices forwards only.
            x = x.index_select(axis, torch.tensor(places, dtype=torch.int64))
    return x.squeeze([axis for axis, dropped in enumerate(squeeze_mask or ()) if dropped])


@op("slice_update", since=8)
def slice_update(
    x: Tensor,
    update: Tensor,
    begin: Ints,
    end: Ints,
    stride: Ints | None = None,
    begin_mask: Bools | None = None,
    end_mask: Bools | None = None,
    squeeze_mask: Bools | None = None,
) -> Tensor:
    """X with other elements where slice_by_index takes them."""
    picked = picked_places(x.shape, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    grid = torch.meshgrid(
        *(torch.tensor(places, dtype=torch.int64) for places in picked), indexing="ij"
    )
    return x.index_put(grid, update.reshape(grid[0].shape))


def picked_places(
    shape: Sequence[int],
    begin: Ints,
    end: Ints,
    stride: Ints | None,
    begin_mask: Bools | None,
    end_mask: Bools | None,
    squeeze_mask: Bools | None,
) -> list[range]:
    """The places in each axis that a slice takes.

    Raises:
        IndexError: the element of a dropped axis is not there.
    """
    picked = []
    for axis, side in enumerate(shape):
        first = None if begin_mask and begin_mask[axis] else begin[axis]
        if squeeze_mask and squeeze_mask[axis]:
            place = range(side)[first or 0]
            picked.append(range(place, place + 1))
        else:
            last = None if end_mask and end_mask[axis] else end[axis]
            picked.append(range(side)[slice(first, last, stride[axis] if stride else 1)])
    return picked


@op("slice_by_size")
def slice_by_size(x: Tensor, begin: Ints, size: Ints) -> Tensor:
    """So many elements from begin on in each axis; -1 takes all that are left."""
    for axis, (first, number) in enumerate(zip(begin, size, strict=True)):
        first = range(x.shape[axis])[first]
        x = x.narrow(axis, first, x.shape[axis] - first if number == -1 else number)
    return x


@op("sliding_windows")
def sliding_windows(x: Tensor, axis: int, size: int, stride: int = 1) -> Tensor:
    """Windows along an axis: [*, D, *] -> [*, (D - size) // stride + 1, size, *]."""
    return x.unfold(axis, size, stride).movedim(-1, axis % x.ndim + 1)


@op("depth_to_space")
def depth_to_space(x: Tensor, block_size: int) -> Tensor:
    """Blocks from channels, the channel changing fastest: [N, C, H, W] -> [N, C/b², H*b, W*b]."""
    return F.pixel_shuffle(regrouped(x, block_size**2), block_size)


@op("space_to_depth")
def space_to_depth(x: Tensor, block_size: int) -> Tensor:
    """Channels from blocks, the inverse of depth_to_space."""
    return regrouped(F.pixel_unshuffle(x, block_size), x.shape[1])


def regrouped(x: Tensor, groups: int) -> Tensor:
    """Channels [groups, others] as [others, groups], of x [N, C, H, W]."""
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


@op("pixel_shuffle")
def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Blocks from channels, the block's place changing fastest, as in PyTorch."""
    return F.pixel_shuffle(x, upscale_factor)


@op("pixel_unshuffle", since=6)
def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Channels from blocks, the inverse of pixel_shuffle."""
    return F.pixel_unshuffle(x, downscale_factor)


@op("space_to_batch")
def space_to_batch(x: Tensor, block_shape: Ints, paddings: Ints) -> Tensor:
    """Pictures from the places of blocks, after zeros around: [N, C, H, W] -> [b*N, C, H', W'].

    The place in the block changes slowest, as in TensorFlow's SpaceToBatchND.
    """
    (high, wide), (top, bottom, left, right) = block_shape, paddings
    x = F.pad(x, (left, right, top, bottom))
    x = x.unflatten(3, (-1, wide)).unflatten(2, (-1, high))  # [N, C, H', high, W', wide]
    return x.permute(3, 5, 0, 1, 2, 4).flatten(0, 2)


@op("batch_to_space")
def batch_to_space(x: Tensor, block_shape: Ints, crops: Ints) -> Tensor:
    """The inverse of space_to_batch; crops are taken off around."""
    (high, wide), (top, bottom, left, right) = block_shape, crops
    x = x.unflatten(0, (high, wide, -1)).permute(2, 3, 4, 0, 5, 1)  # [N, C, H', high, W', wide]
    x = x.flatten(4, 5).flatten(2, 3)
    return F.pad(x, (-left, -right, -top, -bottom))
