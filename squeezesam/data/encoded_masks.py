"""Masks as COCO writes them: run lengths and polygons, read and written pixel for pixel.

pycocotools, the COCO API itself, draws polygons and writes run lengths. Run lengths are read here,
because that library gives pixels of uninitialised memory where they add up to too few.

The compressed form (COCO API, `rleToString`) stores column-major run lengths as little-endian
5-bit groups, each a character from code 48 on, with a continuation bit; the last group's top bit is
the sign. From the fourth run on, the difference to the run two before is stored.
"""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_api

from squeezesam.data.records import Coverage, Mask
from squeezesam.errors import DataError

INSIDE = np.uint8(255)

Runs = NDArray[np.int64]

ZERO = np.uint8(ord("0"))
GROUP_BITS, SIGN_BIT, CONTINUES = 5, 0x10, 0x20
MOST_GROUPS = 7
"""Groups of one number; 35 bits are more than any photo has pixels."""

MOST_COUNTS = 4_000_000
"""Run lengths of a mask, or characters of their code; a hundred times those of a fine one."""


def decode_counts(counts: str) -> Runs:
    """Run lengths of a compressed string.

    Raises:
        DataError: it is not in COCO's code.
    """
    if not counts:
        return np.zeros(0, np.int64)
    groups = np.frombuffer(counts.encode("ascii", "replace"), np.uint8) - ZERO
    if not counts.isascii() or groups.max() >= 2 * CONTINUES or groups[-1] >= CONTINUES:
        raise DataError("mask runs are not in COCO's code; export the mask again")
    # From the last group of each number, which has the sign, to its first. Before the string's
    # first group comes, as index -1, its last one, which continues nothing.
    at = np.flatnonzero(groups < CONTINUES)
    runs = (groups[at].astype(np.int64) ^ SIGN_BIT) - SIGN_BIT
    longer = np.arange(at.size)
    for _ in range(MOST_GROUPS):
        at -= 1
        more = np.flatnonzero(groups[at] >= CONTINUES)
        if not more.size:
            break
        at, longer = at[more], longer[more]
        runs[longer] = runs[longer] << GROUP_BITS | groups[at] & (CONTINUES - 1)
    else:
        raise DataError("a mask run is longer than any photo; export the mask again")
    runs[1::2] = runs[1::2].cumsum()
    runs[2::2] = runs[2::2].cumsum()
    return runs


def _whole(number: Any) -> int:
    """A number of JSON without a fraction, or its text.

    Raises:
        TypeError, ValueError, OverflowError: it is something else.
    """
    if isinstance(number, float) and not number.is_integer():
        raise ValueError(f"{number} is no whole number")
    return int(number)


@dataclass(frozen=True)
class RleMask:
    """A mask as run lengths, compressed or not.

    Attributes:
        height: height of the mask in pixels.
        width: width of the mask in pixels.
        counts: a compressed string, or run lengths that start with background.
    """

    height: int
    width: int
    counts: str | tuple[int, ...]

    @classmethod
    def parse(cls, segmentation: Mapping[str, Any]) -> Self:
        """From the `segmentation` of an annotation.

        Raises:
            KeyError: it lacks `size` or `counts`.
            DataError: these are of another kind, or there are too many run lengths to be taken
                apart.
        """
        size, counts = segmentation["size"], segmentation["counts"]
        if isinstance(counts, Sized) and len(counts) > MOST_COUNTS:
            raise DataError(f"a mask has {len(counts)} run lengths, more than any object")
        try:
            height, width = map(_whole, size)
            runs = counts if isinstance(counts, str) else tuple(map(_whole, counts))
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(
                "run lengths must have the size [height, width], and as counts a text or a list "
                "of whole numbers"
            ) from error
        return cls(height, width, runs)

    def coverage(self) -> Coverage:
        """The mask [H, W], 0 or 255.

        Raises:
            DataError: the runs do not add up to the stated size.
        """
        runs = self._runs()
        pixels = self.height * self.width
        if runs.min(initial=0) < 0 or runs.max(initial=0) > pixels or runs.sum() != pixels:
            raise DataError(
                f"mask runs add up to {runs.sum()}, not to {self.height}x{self.width} pixels; "
                "export the mask again"
            )
        return fill_runs(runs, self.height, self.width)

    def _runs(self) -> Runs:
        if isinstance(self.counts, str):
            return decode_counts(self.counts)
        try:
            return np.array(self.counts, np.int64)
        except OverflowError as error:
            raise DataError("a mask run is longer than any photo; export the mask again") from error


def fill_runs(runs: Runs, height: int, width: int) -> Coverage:
    """The mask [H, W], 0 or 255, of column-major runs that start with background and add up."""
    values = (np.arange(len(runs)) % 2).astype(np.uint8) * INSIDE
    return np.repeat(values, runs).reshape(width, height).T


def encode_rle(mask: Mask) -> RleMask:
    """Compressed run lengths of a mask, [H, W] with H, W > 0."""
    coded = coco_api.encode(np.asfortranarray(mask, np.uint8))
    height, width = mask.shape
    return RleMask(height, width, coded["counts"].decode())


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
            runs = polygon_runs(polygon, self.height, self.width)
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


def polygon_runs(polygon: Sequence[float], height: int, width: int) -> Runs:
    """Column-major run lengths of one polygon, background first; they add up to all pixels.

    Args:
        polygon: corners x0, y0, x1, y1, ... in pixels, three or more. They must be such as
            `PolygonMask.parse` lets pass: the COCO API ends the process on those far outside.
        height: height of the photo in pixels.
        width: width of the photo in pixels.
    """
    (coded,) = coco_api.frPyObjects([list(polygon)], height, width)
    return decode_counts(coded["counts"].decode())
