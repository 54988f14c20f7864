"""From a heat map to five clicks on its most salient object (arXiv 2312.06736, salient pipeline).

1. A pixel of the heat map is hot where its byte reaches the threshold.
2. Hot pixels that touch, also at a corner, are a blob. The most salient blob has the largest sum of
   bytes; of equals, the one whose first pixel in reading order comes first.
3. A blob that is too small, or that has no pixel hot enough, is no object and gets no clicks.
4. The first click is the blob's pixel that is nearest to its centre of mass, which may itself lie
   outside of a hollow blob. The row and column of that pixel cut the blob into four sections: upper
   left, upper right, lower left, lower right; the row belongs to the upper and the column to the
   left ones. Each gives a click in the same way; an empty section repeats the first click. Of
   pixels that are equally near, the first in reading order is taken.

All of it is done in whole numbers below 2^53, so that any language finds the same clicks.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import ConfigError
from squeezesam.inference.mask_cleanup import blob_numbers

MOST_CLICKS = 5

Heat = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClickSampling:
    """The choices of the sampling.

    Attributes:
        threshold: smallest byte of a hot pixel.
        peak: byte that the hottest pixel of an object reaches.
        smallest_per_mille: thousandths of the heat map that an object covers at least.
        clicks: how many of the five are given, from the first on.
    """

    threshold: int = 240
    peak: int = 244
    smallest_per_mille: int = 4
    clicks: int = MOST_CLICKS

    def __post_init__(self) -> None:
        for name, low, high in (
            ("threshold", 1, 255),
            ("peak", 1, 255),
            ("smallest_per_mille", 0, 1000),
            ("clicks", 1, MOST_CLICKS),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name}={getattr(self, name)} must be from {low} to {high}")


DEFAULT_SAMPLING = ClickSampling()


class Pixel(NamedTuple):
    """Column and row of a heat map."""

    x: int
    y: int


@dataclass(frozen=True)
class SalientObject:
    """What was found in a heat map.

    Attributes:
        blob: [h, w], its pixels.
        clicks: centre of the whole, then of its sections: upper left, upper right, lower left,
            lower right.
    """

    blob: Mask
    clicks: tuple[Pixel, ...]


def find_salient_object(
    heat: Heat, sampling: ClickSampling = DEFAULT_SAMPLING
) -> SalientObject | None:
    """The most salient object of a heat map and the five clicks on it; None if there is none.

    Args:
        heat: [h, w] bytes, 255 for certain.
        sampling: thresholds.
    """
    blob = most_salient_blob(heat, blob_numbers(heat >= sampling.threshold))
    if blob is None or not (
        is_large_enough(blob, sampling) and is_hot_enough(heat, blob, sampling)
    ):
        return None
    return SalientObject(blob, section_clicks(blob)[: sampling.clicks])


def is_large_enough(blob: Mask, sampling: ClickSampling) -> bool:
    """Whether a blob [h, w] covers what an object covers at least."""
    return 1000 * int(blob.sum()) >= sampling.smallest_per_mille * blob.size


def is_hot_enough(heat: Heat, blob: Mask, sampling: ClickSampling) -> bool:
    """Whether a blob [h, w] of a heat map [h, w] is somewhere as hot as an object is."""
    return int(heat[blob].max()) >= sampling.peak


def most_salient_blob(heat: Heat, numbers: NDArray[np.int32]) -> Mask | None:
    """The blob [h, w] of the largest sum of bytes, or None where there are no blobs.

    Args:
        heat: [h, w].
        numbers: [h, w] as `blob_numbers` gives them.
    """
    sums = np.bincount(numbers.ravel(), heat.ravel())
    if len(sums) == 1:
        return None
    return np.asarray(numbers == 1 + sums[1:].argmax())


def section_clicks(blob: Mask) -> tuple[Pixel, ...]:
    """Clicks on the centre of mass of a blob [h, w], not empty, and of its four sections."""
    rows, columns = np.nonzero(blob)  # in reading order
    whole = nearest_to_centre(columns, rows)
    clicks = [whole]
    for vertically in (rows <= whole.y, rows > whole.y):
        for horizontally in (columns <= whole.x, columns > whole.x):
            section = vertically & horizontally
            inside = nearest_to_centre(columns[section], rows[section]) if section.any() else whole
            clicks.append(inside)
    return tuple(clicks)


def nearest_to_centre(columns: NDArray[np.int64], rows: NDArray[np.int64]) -> Pixel:
    """The pixel of a section that is nearest to its centre of mass, the first of equals."""
    count = len(columns)
    across, down = count * columns - columns.sum(), count * rows - rows.sum()
    nearest = int((across**2 + down**2).argmin())
    return Pixel(int(columns[nearest]), int(rows[nearest]))
