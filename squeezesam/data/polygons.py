"""Polygons as masks, pixel for pixel as the COCO API fills them (`rleFrPoly`).

Its rules: corners are rounded to a grid five times as fine as the photo; each side is walked on
that grid, one step per unit of its longer extent; where the walk enters the grid column in the
middle of a photo column, the mask changes at the first pixel whose centre is not above the walk.
Pixels between an odd and an even change, counted down the columns, are inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.records import Coverage
from squeezesam.data.rle import Runs, fill_runs
from squeezesam.errors import DataError

SCALE = 5
FEWEST_CORNERS = 3

OBJECT_SHARE = 64
"""Length of an object's outlines, over width and height of the photo together. A leafy tree has
about 10."""

PHOTO_SHARE = 1024
"""The same of all objects of a photo."""


@dataclass(frozen=True)
class PolygonMask:
    """The union of polygons.

    Attributes:
        height: height of the photo in pixels.
        width: width of the photo in pixels.
        polygons: corners of each, x0, y0, x1, y1, ... in pixels from the photo's top left corner.
    """

    height: int
    width: int
    polygons: tuple[tuple[float, ...], ...]

    @classmethod
    def parse(cls, segmentation: Sequence[Any], height: int, width: int) -> Self:
        """From the `segmentation` of a COCO annotation.

        Args:
            segmentation: polygons as COCO has them, [[x0, y0, x1, y1, ...], ...], or as other
                exporters write them: one such list alone, or corners as [x, y] pairs.
            height: height of the photo in pixels.
            width: width of the photo in pixels.

        Raises:
            DataError: not numbers, an odd or too small count of them, corners far outside the
                photo, or an outline too long to be drawn.
        """
        mask = cls(height, width, tuple(filter(None, map(_numbers, _polygons(segmentation)))))
        far = max(height, width)
        for polygon in mask.polygons:
            if len(polygon) % 2 or len(polygon) < 2 * FEWEST_CORNERS:
                raise DataError(f"a polygon has {len(polygon)} numbers; give 3 or more x, y pairs")
            if not all(-far <= number <= 2 * far for number in polygon):
                raise DataError(f"a polygon has corners far outside the {width}x{height} photo")
        check_length(mask.length, OBJECT_SHARE, width, height)
        return mask

    @cached_property
    def length(self) -> float:
        """Summed extent of all sides in pixels, which the work of drawing grows with."""
        return sum(map(_extent, self.polygons))

    def coverage(self) -> Coverage:
        """The mask [H, W], 0 or 255."""
        filled = np.zeros((self.width, self.height), np.uint8)
        for polygon in self.polygons:
            corners = np.array(polygon).reshape(-1, 2)
            runs = polygon_runs(corners, self.height, self.width)
            changes = runs[:-1].cumsum()
            if not changes.size:
                continue
            # Only the columns that it touches are drawn, so that many small ones are no more work
            # than a large one.
            first = int(changes[0]) // self.height
            last = -(-int(changes[-1]) // self.height) if len(runs) % 2 else self.width
            runs[0] -= first * self.height
            runs[-1] -= (self.width - last) * self.height
            part = filled[first:last]
            np.maximum(part, fill_runs(runs, self.height, last - first).T, out=part)
        return filled.T


def check_length(length: float, share: int, width: int, height: int) -> None:
    """See before drawing that outlines are not too long.

    Args:
        length: length of all outlines together, in pixels.
        share: the longest allowed length, in multiples of width plus height.
        width: width of the photo in pixels.
        height: height of the photo in pixels.

    Raises:
        DataError: they are too long.
    """
    if length > share * (width + height):
        raise DataError(
            f"its outlines are {length:.0f} pixels long, too long for a {width}x{height} photo"
        )


def _polygons(segmentation: Sequence[Any]) -> Sequence[Any]:
    """Lists of numbers or of pairs, one for each polygon."""
    if not any(isinstance(each, list) for each in segmentation):
        return [segmentation]
    are_pairs = all(isinstance(each, list) and len(each) == 2 for each in segmentation)
    has_numbers = are_pairs and not any(
        isinstance(part, list) for one in segmentation for part in one
    )
    return [segmentation] if has_numbers else segmentation


def _numbers(polygon: Any) -> tuple[float, ...]:
    """Numbers of a polygon, which may come in pairs."""
    try:
        if any(isinstance(each, list) for each in polygon):
            polygon = [number for x, y in polygon for number in (x, y)]
        return tuple(map(float, polygon))
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            "a segmentation must be a list of lists x0, y0, x1, y1, ... of numbers"
        ) from error


def _extent(polygon: Sequence[float]) -> float:
    corners = np.array(polygon).reshape(-1, 2)
    return float(np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1).sum()) + len(corners)


def polygon_runs(corners: NDArray[np.float64], height: int, width: int) -> Runs:
    """Column-major run lengths of one polygon, background first.

    Args:
        corners: [N, 2] x and y in pixels.
        height: height of the photo in pixels.
        width: width of the photo in pixels.
    """
    x, y = walk((SCALE * corners + 0.5).astype(np.int64))
    crossing = np.flatnonzero(np.diff(x))
    # A step crosses between two grid columns; both coordinates are taken at its lower end.
    column = (np.minimum(x[crossing], x[crossing + 1]) + 0.5) / SCALE - 0.5
    row = (np.minimum(y[crossing], y[crossing + 1]) + 0.5) / SCALE - 0.5
    middle = (column == np.floor(column)) & (column >= 0) & (column <= width - 1)
    row = np.ceil(row[middle].clip(0, height))
    pixels = height * width
    places, counts = np.unique(column[middle] * height + row, return_counts=True)
    changes = places[counts % 2 == 1].astype(np.int64)
    return np.diff(np.concatenate([[0], changes[changes < pixels], [pixels]]))


def walk(corners: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Grid points x and y along all sides of a polygon, ends included.

    Args:
        corners: [N, 2] x and y on the fine grid.
    """
    starts, ends = corners, np.roll(corners, -1, axis=0)
    extent = np.abs(ends - starts)
    steps = extent.max(axis=1)
    wide = extent[:, 0] >= extent[:, 1]
    # Both directions of a side must give the same points, so it is walked along its longer
    # extent from the lower end and listed backwards where that is not the way it goes.
    along = np.where(wide, 0, 1)
    side = np.arange(len(corners))
    backwards = starts[side, along] > ends[side, along]
    low = np.where(backwards[:, None], ends, starts)
    high = np.where(backwards[:, None], starts, ends)
    across = 1 - along
    slope = (high[side, across] - low[side, across]) / np.maximum(steps, 1)

    sides = np.repeat(side, steps + 1)
    place = np.arange(len(sides)) - np.repeat((steps + 1).cumsum() - steps - 1, steps + 1)
    step = np.where(backwards[sides], steps[sides] - place, place)
    main = low[side, along][sides] + step
    # Truncated towards zero like the API's cast, which matters left of and above the photo.
    other = (low[side, across][sides] + slope[sides] * step + 0.5).astype(np.int64)
    return np.where(wide[sides], main, other), np.where(wide[sides], other, main)
