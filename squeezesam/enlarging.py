"""Enlarging a mask to the size of its photo, a band of rows at a time.

A photo of 12 megapixels makes 48 MB of one mask's logits. A band stays in the processor's cache
while its user compares or copies it, and the memory that it takes does not grow with the height of
the photo. A mask that is only asked for its outline is interpolated nowhere else.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

BAND_ROWS = 128


def enlarged_bands(mask: Tensor, size: tuple[int, int]) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows and what belongs there of a mask [h, w], resized bilinearly to `size` (H, W).

    A mask that shrinks in a direction is antialiased, and comes in one piece.
    """
    if _shrinks(mask, size):
        yield slice(0, size[0]), _shrunk(mask, size)
        return
    wide, weights = _widened(mask, size[1]), _row_weights(len(mask), size[0])
    for rows, used in _bands(len(mask), size[0]):
        yield rows, weights[rows, used] @ wide[used]


def enlarge_above(mask: Tensor, threshold: float, enlarged: Tensor) -> None:
    """Fill in where a mask [h, w], resized bilinearly, exceeds a threshold.

    A pixel between four that all exceed the threshold exceeds it too, and a pixel between four
    that do not exceed it does not. So only the pixels along the outline are computed.

    Args:
        mask: logits.
        threshold: logits above it belong to the mask.
        enlarged: [H, W] bool, to be written.
    """
    height, width = enlarged.shape
    if _shrinks(mask, (height, width)):
        torch.gt(_shrunk(mask, (height, width)), threshold, out=enlarged)
        return
    rows, columns = mask.shape
    wide, weights = _widened(mask, width), _row_weights(rows, height)
    above = mask > threshold
    left = np.maximum((2 * np.arange(width) + 1) * columns - width, 0) // (2 * width)
    right = np.minimum(left + 1, columns - 1)
    for band, used in _bands(rows, height):
        everywhere, somewhere = above[used].all(0).numpy(), above[used].any(0).numpy()
        inside = everywhere[left] & everywhere[right]
        outline = ~inside & (somewhere[left] | somewhere[right])
        for start, stop in _runs(inside, outline):
            part = enlarged[band, start:stop]
            if outline[start]:
                torch.gt(weights[band, used] @ wide[used, start:stop], threshold, out=part)
            else:
                part.fill_(bool(inside[start]))


def _runs(*lines: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Start and stop of each stretch in which none of the lines changes."""
    changes = np.logical_or.reduce([line[1:] != line[:-1] for line in lines])
    return pairwise([0, *(np.flatnonzero(changes) + 1).tolist(), len(lines[0])])


def _bands(rows: int, height: int) -> Iterator[tuple[slice, slice]]:
    """Rows of the photo, and those of the mask that they depend on."""
    for start in range(0, height, BAND_ROWS):
        stop = min(start + BAND_ROWS, height)
        # A row lies between two of the mask; outside of these the weights are zero.
        yield (
            slice(start, stop),
            slice(max(0, start * rows // height - 1), stop * rows // height + 2),
        )


def _shrinks(mask: Tensor, size: tuple[int, int]) -> bool:
    return size[0] < mask.shape[0] or size[1] < mask.shape[1]


def _shrunk(mask: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(mask[None, None], size, mode="bilinear", antialias=True)[0, 0]


def _widened(mask: Tensor, width: int) -> Tensor:
    return F.interpolate(mask[None, None], (len(mask), width), mode="bilinear")[0, 0]  # [h, W]


def _row_weights(rows: int, height: int) -> Tensor:
    """What every row of the mask gives to every row of the photo: [height, rows]."""
    return F.interpolate(torch.eye(rows)[None, None], (height, rows), mode="bilinear")[0, 0]
