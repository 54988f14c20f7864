"""Joining, splitting, filling, sorting, choosing and looking up."""

import math
from typing import Any

import torch
from torch import Tensor

from squeezesam_export.mlprogram.ops.windows import padded
from squeezesam_export.mlprogram.registry import Ints, Result, Tensors, UnsupportedError, op


@op("band_part")
def band_part(x: Tensor, lower: int = -1, upper: int = -1) -> Tensor:
    """Zeros further than so many below and above the diagonal; a negative number keeps all."""
    rows, columns = x.shape[-2:]
    above = torch.arange(columns) - torch.arange(rows)[:, None]
    outside = torch.zeros(rows, columns, dtype=torch.bool)
    if lower >= 0:
        outside |= -above > lower
    if upper >= 0:
        outside |= above > upper
    return x.masked_fill(outside, 0)


@op("cumsum")
def cumsum(x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Sum of the elements up to each; without itself if exclusive, from the end if reverse."""
    if reverse:
        x = x.flip(axis)
    sums = x.cumsum(axis)
    if exclusive:
        sums = sums.roll(1, axis)
        sums.select(axis, 0).zero_()
    return sums.flip(axis) if reverse else sums


@op("fill")
def fill(shape: Ints, value: Tensor | None = None) -> Tensor:
    """One value everywhere, 0.0 where none is given."""
    return torch.zeros(shape) if value is None else value.expand(shape)


@op("fill_like", since=6)
def fill_like(ref_tensor: Tensor, value: Tensor | None = None) -> Tensor:
    """One value everywhere, in the shape of a tensor and the type of the value."""
    return fill(tuple(ref_tensor.shape), value)


@op("non_zero")
def non_zero(x: Tensor) -> Tensor:
    """Places of the elements that are not 0: [*D] -> [N, rank]."""
    return torch.nonzero(x)


@op("one_hot")
def one_hot(
    indices: Tensor,
    one_hot_vector_size: int,
    axis: int = -1,
    on_value: Tensor | None = None,
    off_value: Tensor | None = None,
) -> Tensor:
    """On_value (1) at each index of a new axis, off_value (0) elsewhere."""
    places = torch.arange(one_hot_vector_size)
    after = indices.ndim - axis % (indices.ndim + 1)
    on = indices.unsqueeze(axis) == places.reshape(-1, *(1,) * after)
    return torch.where(
        on, 1 if on_value is None else on_value, 0 if off_value is None else off_value
    )


@op("pad")
def pad(x: Tensor, pad: Ints, mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    """More elements before and after in the last axes, two numbers of `pad` for each.

    They are constants, or x mirrored at its first and last element (`reflect`), or those elements
    themselves (`replicate`).
    """
    margins = list(zip(pad[::2], pad[1::2], strict=True))
    if mode == "constant":
        return padded(x, margins, constant_val)
    if mode not in ("reflect", "replicate"):
        raise UnsupportedError(f"mode {mode!r} is unknown")
    for axis, (before, after) in enumerate(margins, x.ndim - len(margins)):
        last = x.shape[axis] - 1
        largest = last if mode == "reflect" else last + 1
        if max(before, after) > largest:
            raise UnsupportedError(f"mode {mode} pads {before} and {after}, at most {largest}")
        places = torch.arange(-before, last + 1 + after)
        if mode == "reflect":
            places = last - (last - places.abs()).abs()
        x = x.index_select(axis, places.clamp(0, last))
    return x


@op("range_1d")
def range_1d(start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    """From start on in steps, up to and without end."""
    return torch.arange(start.item(), end.item(), step.item())


@op("tile")
def tile(x: Tensor, reps: Ints) -> Tensor:
    """So many times in each axis."""
    return x.repeat(reps)


@op("argsort")
def argsort(x: Tensor, axis: int = -1, ascending: bool = False) -> Tensor:
    """Places of the elements along an axis in the order of their values."""
    return torch.argsort(x, dim=axis, descending=not ascending, stable=True)


@op("topk", until=5)
def topk(x: Tensor, k: int = 1, axis: int = -1, ascending: bool = False) -> tuple[Tensor, Tensor]:
    """The k largest elements along an axis, or the smallest if ascending, and their places."""
    places = argsort(x, axis, ascending).narrow(axis, 0, k)
    return x.gather(axis, places), places


@op("topk", until=6, since=6)
def topk_ios16(
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,  # noqa: ARG001 - where it is false any order is right, so this one
    return_indices: bool = True,
) -> Tensor | tuple[Tensor, Tensor]:
    """As before; the places on demand."""
    values, places = topk(x, k, axis, ascending)
    return (values, places) if return_indices else values


@op("topk", since=7)
def topk_ios17(
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> Tensor | tuple[Tensor, Tensor]:
    """As before; k of -1 takes all."""
    check_index_type(output_indices_dtype)
    number = x.shape[axis] if k == -1 else k
    return topk_ios16(x, number, axis, ascending, sort, return_indices)


def check_index_type(name: str) -> None:
    """Check the type that an operator is to give indices in; the interpreter then converts them.

    Raises:
        UnsupportedError: it is none for indices.
    """
    if name not in ("int32", "uint16"):
        raise UnsupportedError(f"indices of type {name!r} are unknown")


@op("flatten2d")
def flatten2d(x: Tensor, axis: int = 1) -> Tensor:
    """The axes before one, and the others: [*D] -> [before, others]."""
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@op("shape")
def shape(x: Tensor) -> Tensor:
    """Sides of a tensor."""
    return torch.tensor(x.shape, dtype=torch.int32)


@op("concat")
def concat(values: Tensors, axis: int, interleave: bool = False) -> Tensor:
    """Joined along an axis; with interleave, slice by slice in turn. Scalars give a vector."""
    values = tuple(torch.atleast_1d(value) for value in values)
    if not interleave:
        return torch.cat(values, axis)
    axis %= values[0].ndim
    return torch.stack(values, axis + 1).flatten(axis, axis + 1)


@op("split")
def split(
    x: Tensor, axis: int, num_splits: int | None = None, split_sizes: Ints | None = None
) -> Tensors:
    """Parts along an axis, of the sizes given or of equal ones."""
    if split_sizes is None:
        if num_splits is None or x.shape[axis] % num_splits:
            raise UnsupportedError(f"{num_splits} equal parts of {x.shape[axis]}")
        split_sizes = (x.shape[axis] // num_splits,) * num_splits
    return x.split(split_sizes, axis)


@op("stack")
def stack(values: Tensors, axis: int) -> Tensor:
    """Side by side along a new axis."""
    return torch.stack(values, axis)


@op("identity")
def identity(x: Any) -> Any:
    """The same value, tensor or not."""
    return x


@op("select")
def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """A where cond is true, else b; shapes are broadcast."""
    return torch.where(cond, a, b)


@op("classify")
def classify(probabilities: Tensor, classes: Any) -> Result:
    """The class of the largest probability, and a dictionary of all.

    Of classes that are as probable, the documentation names none; here it is the first.
    """
    if len(classes) != probabilities.numel():
        raise UnsupportedError(f"{len(classes)} classes for {probabilities.numel()} probabilities")
    flat = probabilities.flatten()
    names = [one.item() if isinstance(one, Tensor) else one for one in classes]
    return names[int(flat.argmax())], dict(zip(names, flat.tolist(), strict=True))
