"""Reading and writing at places that are computed.

Up to iOS 16 a negative index counts from the end; from iOS 17 on it is out of bounds. What happens
there is undefined unless validate_indices asks for an error, so that it is an error here always.
"""

import math

import torch
from torch import Tensor

from squeezesam_export.mlprogram.registry import UnsupportedError, along, op


def from_end(indices: Tensor, side: int | Tensor) -> Tensor:
    """Indices counted from the front, where negative ones count from the end."""
    return in_bounds(torch.where(indices < 0, indices + side, indices), side)


def in_bounds(indices: Tensor, side: int | Tensor) -> Tensor:
    """The same indices.

    Raises:
        IndexError: one is negative or beyond the side.
    """
    if bool(((indices < 0) | (indices >= side)).any()):
        raise IndexError("an index is out of bounds")
    return indices.long()


@op("gather", until=6)
def gather(x: Tensor, indices: Tensor, axis: int = 0, batch_dims: int = 0) -> Tensor:
    """Slices of x along an axis: [*B, *D, side, *E], [*B, *N] -> [*B, *D, *N, *E]."""
    return gathered(x, from_end(indices, x.shape[axis]), axis, batch_dims)


@op("gather", since=7)
def gather_ios17(
    x: Tensor,
    indices: Tensor,
    axis: int = 0,
    batch_dims: int = 0,
    validate_indices: bool = False,  # noqa: ARG001
) -> Tensor:
    """As before, without negative indices."""
    return gathered(x, in_bounds(indices, x.shape[axis]), axis, batch_dims)


def gathered(x: Tensor, indices: Tensor, axis: int, batch_dims: int) -> Tensor:
    """Slices of x along an axis, at indices from the front."""
    axis %= x.ndim
    batch, before, after = x.shape[:batch_dims], x.shape[batch_dims:axis], x.shape[axis + 1 :]
    flat = x.reshape(math.prod(batch), math.prod(before), x.shape[axis], math.prod(after))
    picked = indices.reshape(math.prod(batch), 1, -1, 1)
    result = torch.take_along_dim(flat, picked, 2)
    return result.reshape((*batch, *before, *indices.shape[batch_dims:], *after))


@op("gather_along_axis", until=6)
def gather_along_axis(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """Elements of x along an axis, at an index of its own for each."""
    return x.gather(axis, from_end(indices, x.shape[axis]))


@op("gather_along_axis", since=7)
def gather_along_axis_ios17(
    x: Tensor,
    indices: Tensor,
    axis: int = 0,
    validate_indices: bool = False,  # noqa: ARG001
) -> Tensor:
    """As before, without negative indices."""
    return x.gather(axis, in_bounds(indices, x.shape[axis]))


@op("gather_nd", until=6)
def gather_nd(x: Tensor, indices: Tensor, batch_dims: int = 0) -> Tensor:
    """Parts of x, each at a vector of indices: [*B, *D, *E], [*B, *N, rank D] -> [*B, *N, *E]."""
    return gathered_nd(x, from_end(indices, sides_of(x, indices, batch_dims)), batch_dims)


@op("gather_nd", since=7)
def gather_nd_ios17(
    x: Tensor,
    indices: Tensor,
    batch_dims: int = 0,
    validate_indices: bool = False,  # noqa: ARG001
) -> Tensor:
    """As before, without negative indices."""
    return gathered_nd(x, in_bounds(indices, sides_of(x, indices, batch_dims)), batch_dims)


def gathered_nd(x: Tensor, indices: Tensor, batch_dims: int) -> Tensor:
    """Parts of x, at indices from the front."""
    sides = sides_of(x, indices, batch_dims)
    flat = x.flatten(batch_dims, batch_dims + len(sides) - 1)
    return gathered(flat, flat_places(indices, sides), batch_dims, batch_dims)


def sides_of(x: Tensor, indices: Tensor, batch_dims: int = 0) -> Tensor:
    """Sides of the axes that vectors of indices lead along."""
    return torch.tensor(x.shape[batch_dims : batch_dims + indices.shape[-1]])


def flat_places(indices: Tensor, sides: Tensor) -> Tensor:
    """Vectors of indices as places in the flattened axes: [*N, rank] -> [*N]."""
    steps = [math.prod(sides.tolist()[axis + 1 :]) for axis in range(len(sides))]
    return (indices * torch.tensor(steps)).sum(-1)


@op("scatter", until=6)
def scatter(data: Tensor, indices: Tensor, updates: Tensor, mode: str, axis: int = 0) -> Tensor:
    """Data combined with updates in slices along an axis: [*D, side, *E], [N], [*D, N, *E].

    The mode has no default, since the documentation names two.
    """
    return scattered_slices(data, from_end(indices, data.shape[axis]), updates, axis, mode)


@op("scatter", since=7)
def scatter_ios17(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    mode: str,
    axis: int = 0,
    validate_indices: bool = False,  # noqa: ARG001
) -> Tensor:
    """As before, without negative indices."""
    return scattered_slices(data, in_bounds(indices, data.shape[axis]), updates, axis, mode)


def scattered_slices(
    data: Tensor, indices: Tensor, updates: Tensor, axis: int, mode: str
) -> Tensor:
    """Data combined with slices, at indices from the front."""
    places = along(indices, data, axis).expand_as(updates)
    return scattered(data, places, updates, axis, mode)


@op("scatter_along_axis", until=6)
def scatter_along_axis(
    data: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, mode: str = "add"
) -> Tensor:
    """Data combined with updates along an axis, at an index of its own for each."""
    return scattered(data, from_end(indices, data.shape[axis]), updates, axis, mode)


@op("scatter_along_axis", since=7)
def scatter_along_axis_ios17(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool = False,  # noqa: ARG001
) -> Tensor:
    """As before, without negative indices."""
    return scattered(data, in_bounds(indices, data.shape[axis]), updates, axis, mode)


@op("scatter_nd", until=6)
def scatter_nd(data: Tensor, indices: Tensor, updates: Tensor, mode: str = "add") -> Tensor:
    """Data combined with updates, each at a vector of indices: [*D, *E], [*N, rank D], [*N, *E]."""
    return scattered_nd(data, from_end(indices, sides_of(data, indices)), updates, mode)


@op("scatter_nd", since=7)
def scatter_nd_ios17(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    mode: str = "add",
    validate_indices: bool = False,  # noqa: ARG001
) -> Tensor:
    """As before, without negative indices."""
    return scattered_nd(data, in_bounds(indices, sides_of(data, indices)), updates, mode)


def scattered_nd(data: Tensor, indices: Tensor, updates: Tensor, mode: str) -> Tensor:
    """Data combined with parts, at indices from the front."""
    sides = sides_of(data, indices)
    rest = math.prod(data.shape[len(sides) :])
    flat = data.reshape(-1, rest)
    places = flat_places(indices, sides).reshape(-1)
    return scattered_slices(flat, places, updates.reshape(-1, rest), 0, mode).reshape(data.shape)


def scattered(data: Tensor, indices: Tensor, updates: Tensor, axis: int, mode: str) -> Tensor:
    """Data combined with updates along an axis, at indices from the front.

    Several updates of one element combine all; which of several `update` leaves is not defined.
    """
    match mode:
        case "update":
            return data.scatter(axis, indices, updates)
        case "add":
            return data.scatter_add(axis, indices, updates)
        case "sub":
            return data.scatter_add(axis, indices, -updates)
        case "mul":
            return data.scatter_reduce(axis, indices, updates, "prod")
        case "div":
            ones = torch.ones_like(data)
            return data / ones.scatter_reduce(axis, indices, updates, "prod")
        case "max":
            return data.scatter_reduce(axis, indices, updates, "amax")
        case "min":
            return data.scatter_reduce(axis, indices, updates, "amin")
    raise UnsupportedError(f"mode {mode!r} is unknown")
