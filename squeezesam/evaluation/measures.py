"""How good one answer is: functions of masks, of IoUs and of the geometry of regions.

Everything outside the photo counts as background, so the photo's edge is a border too. Work is done
on the mask's bounding box alone, which gives the same answers and is several times faster.
"""

import math
from collections.abc import Collection, Sequence
from types import ModuleType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import MissingDependencyError
from squeezesam.inference.mask_cleanup import bounding_window

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


BOUNDARY_SHARE = 0.02
"""Width of the boundary over the photo's diagonal, as Boundary IoU proposes."""

SizeClass = Literal["small", "medium", "large"]
SIZE_BOUNDS: dict[SizeClass, float] = {"small": 0.03, "medium": 0.10, "large": math.inf}
"""Share of the photo below which an object has the size, smallest first.

Shares rather than pixels, because what a click can reach depends on the photo's framing and not on
its resolution. 3 % is where COCO's `large` begins in a 640x480 photo (96x96 pixels).
"""


def mask_iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks [H, W]; 1 when both are empty."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def boundary_iou(a: Mask, b: Mask) -> float:
    """Boundary IoU of two masks [H, W] (Cheng et al. 2021, arXiv 2103.16562).

    The IoU of their boundaries alone. As in the authors' code, a boundary is what d erosions with a
    3x3 square take from the mask, d = 2 % of the photo's diagonal, rounded and at least 1; where
    the photo cuts the object off, there is a boundary too. 1 when both masks are empty.
    """
    window = bounding_window(a | b)
    if window is None:
        return 1.0
    width = max(1, round(BOUNDARY_SHARE * math.hypot(*a.shape)))
    a, b = a[window], b[window]
    return mask_iou(a & ~eroded(a, width), b & ~eroded(b, width))


def clicks_to_reach(ious: Sequence[float], threshold: float) -> int:
    """NoC: the number of clicks after which the IoU first reaches `threshold`.

    Args:
        ious: after 1, 2, ... clicks.
        threshold: 0..1.

    Returns:
        As many as there were when it is never reached.
    """
    reached = (count for count, iou in enumerate(ious, start=1) if iou >= threshold)
    return next(reached, len(ious))


def largest_loss(ious: Sequence[float], labels: Sequence[int], among: Collection[int]) -> float:
    """The largest loss of IoU by one click after the first, 0..1; 0 if no click loses any.

    Args:
        ious: IoU after 1, 2, ... clicks.
        labels: label of each of these clicks.
        among: only clicks of these labels.
    """
    losses = (
        before - after
        for before, after, label in zip(ious, ious[1:], labels[1:], strict=False)
        if label in among
    )
    return max(0.0, max(losses, default=0.0))


def size_class(area: int, photo_pixels: int) -> SizeClass:
    """Size of an object of `area` pixels by its share of the photo."""
    share = area / photo_pixels
    return next(size for size, bound in SIZE_BOUNDS.items() if share < bound)
