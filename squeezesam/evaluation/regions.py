"""Geometry of masks; the one file that needs scipy.

Everything outside the photo counts as background, so the photo's edge is a border too. Work is done
on the mask's bounding box alone, which gives the same answers and is several times faster.
"""

from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from squeezesam.blobs import bounding_window
from squeezesam.errors import MissingDependencyError

Mask = NDArray[np.bool_]


class DeepPoint(NamedTuple):
    """Pixel (x, y) and its distance in pixels to the nearest pixel outside the mask."""

    x: int
    y: int
    depth: float


def deepest_point(mask: Mask, taken: Mask | None = None) -> DeepPoint | None:
    """The point of a mask [H, W] that is farthest from its border, the uppermost of equals.

    Args:
        mask: where to look.
        taken: [H, W], pixels that must not be chosen.

    Returns:
        None when no pixel is left.
    """
    window = bounding_window(mask)
    if window is None:
        return None
    depth = _ndimage().distance_transform_edt(np.pad(mask[window], 1))[1:-1, 1:-1]
    if taken is not None:
        depth[taken[window]] = 0
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    if not depth[row, column]:
        return None
    rows, columns = window
    return DeepPoint(columns.start + int(column), rows.start + int(row), float(depth[row, column]))


def largest_region(mask: Mask) -> Mask:
    """The largest 8-connected region of a mask, [H, W]."""
    regions, count = _ndimage().label(mask, structure=np.ones((3, 3)))
    if count == 0:
        return mask
    areas = np.bincount(regions.ravel())
    return np.asarray(regions == areas[1:].argmax() + 1)


def regions_at(mask: Mask, points: NDArray[np.int64]) -> Mask:
    """The 8-connected regions of a mask [H, W] that hold one of the points (x, y), [N, 2]."""
    regions, _ = _ndimage().label(mask, structure=np.ones((3, 3)))
    columns, rows = points.T
    return mask & np.isin(regions, regions[rows, columns])


def eroded(mask: Mask, distance: int) -> Mask:
    """The pixels of a mask [H, W] with nothing outside it up to `distance` rows and columns away.

    The same as `distance` erosions with a 3x3 square.
    """
    inside = np.zeros_like(mask)
    window = bounding_window(mask)
    if window is not None:
        inside[window] = _ndimage().minimum_filter(
            mask[window], size=2 * distance + 1, mode="constant", cval=0
        )
    return inside


def _ndimage() -> ModuleType:
    try:
        from scipy import ndimage
    except ImportError as error:
        raise MissingDependencyError(
            "evaluation needs scipy; pip install 'squeezesam[eval]'"
        ) from error
    return ndimage
