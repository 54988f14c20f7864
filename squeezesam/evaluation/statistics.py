"""Means with bootstrap intervals, computed when reporting and never stored.

Photos are drawn, not objects: objects of one photo share its difficulties, and drawing them one by
one would give intervals that are too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
AT_ONCE = 100
"""Resamples that are drawn together; bounds the memory for large data sets."""

CONFIDENCE_PERCENT = 95.0


@dataclass(frozen=True)
class Interval:
    """A mean over objects with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __format__(self, form: str) -> str:
        """Such as `62.1 [60.1, 64.2]`, each number in the given form."""
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"


def mean_interval(values: Sequence[float], photos: Sequence[str]) -> Interval:
    """Mean over objects; the same input gives the same interval.

    Args:
        values: one per object, at least one.
        photos: the photo of each object.
    """
    _, photo_of = np.unique(np.asarray(photos), return_inverse=True)
    counts = np.bincount(photo_of)
    sums = np.bincount(photo_of, weights=values)
    rng = np.random.default_rng(0)
    means = []
    for _ in range(RESAMPLES // AT_ONCE):
        drawn = rng.integers(len(counts), size=(AT_ONCE, len(counts)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    tail = (100 - CONFIDENCE_PERCENT) / 2
    low, high = np.percentile(means, (tail, 100 - tail))
    return Interval(float(np.mean(values)), float(low), float(high))
