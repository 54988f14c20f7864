"""Figures of a table with bootstrap intervals, computed when reporting and never stored.

Photos are drawn, not objects: objects of one photo share its difficulties, and drawing them one by
one would give intervals that are too narrow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Terms = NDArray[np.float64]
"""What each object adds to the sums that a figure is made of, [objects, K]."""

FigureOfSums = Callable[[Terms], NDArray[np.float64]]
"""Sums over objects, [..., K] -> the figure, [...]; NaN where the sums give none."""

RESAMPLES = 2000
AT_ONCE = 100
"""Resamples that are drawn together; bounds the memory for large data sets."""

CONFIDENCE_PERCENT = 95.0


@dataclass(frozen=True)
class Interval:
    """A mean over objects, or another figure of them, with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __format__(self, form: str) -> str:
        """Such as `62.1 [60.1, 64.2]`, each number in the given form; `-` where there is none."""
        if math.isnan(self.mean):
            return "-"
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"


def mean_interval(values: Sequence[float], photos: Sequence[str]) -> Interval:
    """Mean over objects; the same input gives the same interval.

    Args:
        values: one per object, at least one.
        photos: the photo of each object.
    """
    return figure_interval([(np.column_stack([values, np.ones(len(values))]), photos)], ratio)


def ratio(sums: Terms) -> NDArray[np.float64]:
    """The mean from the sum of values and the number of objects, [..., 2]."""
    return np.asarray(sums[..., 0] / sums[..., 1])


def correlation(sums: Terms) -> NDArray[np.float64]:
    """Pearson's correlation from the sums of 1, x, y, xx, yy and xy, [..., 6].

    NaN where x or y does not vary.
    """
    count, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = (count * xx - x * x) * (count * yy - y * y)
    # Values that do not vary leave the rounding of their squares.
    varies = spread > 1e-12 * (count * xx) * (count * yy)
    return np.where(varies, (count * xy - x * y) / np.sqrt(np.where(varies, spread, 1.0)), math.nan)


def figure_interval(sets: Sequence[tuple[Terms, Sequence[str]]], figure: FigureOfSums) -> Interval:
    """The mean over data sets of a figure that each of them has.

    Photos are drawn inside each set, so that every set keeps its weight; the interval says nothing
    about other sets. The same input gives the same interval.

    Args:
        sets: terms and photo of each object; at least one set with at least one object.
        figure: computes the figure from the summed terms.
    """
    mean = float(np.mean([figure(terms.sum(axis=0)) for terms, _ in sets]))
    if math.isnan(mean):
        return Interval(math.nan, math.nan, math.nan)
    rng = np.random.default_rng(0)
    drawn = np.mean([_resampled(terms, photos, figure, rng) for terms, photos in sets], axis=0)
    tail = (100 - CONFIDENCE_PERCENT) / 2
    low, high = np.nanpercentile(drawn, (tail, 100 - tail))
    return Interval(mean, float(low), float(high))


def _resampled(
    terms: Terms, photos: Sequence[str], figure: FigureOfSums, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The figure of RESAMPLES draws of as many photos as there are."""
    _, photo_of = np.unique(np.asarray(photos), return_inverse=True)
    sums = np.zeros((int(photo_of.max()) + 1, terms.shape[1]))
    np.add.at(sums, photo_of, terms)
    if len(sums) == 1:  # Every draw is the same.
        return np.full(RESAMPLES, figure(sums[0]))
    draws = (
        rng.integers(len(sums), size=(AT_ONCE, len(sums))) for _ in range(RESAMPLES // AT_ONCE)
    )
    return np.concatenate([figure(sums[drawn].sum(axis=1)) for drawn in draws])
