"""Parameters that belong to one axis of a tensor."""

from torch import Tensor

CHANNELS = 1
"""The axis of channels in [B, C, *D]."""


def along(parameter: Tensor, data: Tensor, axis: int | None) -> Tensor:
    """A scalar, or a vector along an axis, in a shape that is broadcast over the data."""
    if axis is None or parameter.ndim == 0:
        return parameter
    shape = [1] * data.ndim
    shape[axis] = -1
    return parameter.reshape(shape)
