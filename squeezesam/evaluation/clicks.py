"""The simulated user of evaluation (SAM section 7.1, RITM section 4.1).

Deterministic: the next click lies in the largest connected error region, missed or wrong, at the
point farthest from the region's border.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from squeezesam.spec import PointLabel

Mask = NDArray[np.bool_]


class Click(NamedTuple):
    """Pixel (x, y) of the photo and its label."""

    x: int
    y: int
    label: PointLabel


def next_click(target: Mask, answer: Mask) -> Click | None:
    """The click that corrects `answer` the most, or None when nothing is left to correct.

    Args:
        target: [H, W].
        answer: [H, W], all False for the first click.
    """
    missed, wrong = largest_region(target & ~answer), largest_region(answer & ~target)
    region = missed if missed.sum() >= wrong.sum() else wrong
    if not region.any():
        return None
    # The photo's edge is a border too: a user does not click on it.
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    label = PointLabel.POSITIVE if region is missed else PointLabel.NEGATIVE
    return Click(int(x), int(y), label)


def largest_region(mask: Mask) -> Mask:
    """The largest 8-connected region of a mask, [H, W]."""
    regions, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count == 0:
        return mask
    areas = np.bincount(regions.ravel())
    return np.asarray(regions == areas[1:].argmax() + 1)
