"""How good a heat map is: the measures of salient-object detection.

MAE; F-measure with beta^2 = 0.3 (Achanta et al. 2009), its maximum over all 255 thresholds taken of
the precision and recall that are averaged over photos, as the literature's curves are; S-measure
(Fan et al. 2017, arXiv 1708.00786).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from squeezesam.evaluation.regions import Mask

BETA_SQUARED = 0.3
LEVELS = 256
OBJECT_SHARE = 0.5
"""Alpha of the S-measure: how much objects count beside regions."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Precision and recall of one photo at the thresholds 1..255, [255] each."""

    precision: FloatArray
    recall: FloatArray


def mean_absolute_error(heat: FloatArray, target: Mask) -> float:
    """MAE of a heat map [H, W] in 0..1."""
    return float(np.abs(heat - target).mean())


def precision_recall(heat: NDArray[np.uint8], target: Mask) -> Curve:
    """Precision and recall of a heat map [H, W] in bytes; a target is not empty.

    Precision is 1 where nothing reaches the threshold.
    """
    inside = np.bincount(heat[target], minlength=LEVELS)
    everywhere = np.bincount(heat.ravel(), minlength=LEVELS)
    hits, found = (counts[::-1].cumsum()[::-1][1:] for counts in (inside, everywhere))
    return Curve(
        np.where(found > 0, hits / np.maximum(found, 1), 1.0), hits / np.count_nonzero(target)
    )


def max_f_measure(curves: Sequence[Curve]) -> float:
    """The best F-measure that one threshold gives over all photos."""
    precision = np.mean([curve.precision for curve in curves], axis=0)
    recall = np.mean([curve.recall for curve in curves], axis=0)
    weighted = BETA_SQUARED * precision + recall
    f_measure = (1 + BETA_SQUARED) * precision * recall / np.maximum(weighted, 1e-12)
    return float(f_measure.max())


def s_measure(heat: FloatArray, target: Mask) -> float:
    """Structure measure of a heat map [H, W] in 0..1."""
    share = target.mean()
    if share == 0:
        return 1 - float(heat.mean())
    if share == 1:
        return float(heat.mean())
    score = OBJECT_SHARE * _object_score(heat, target) + (1 - OBJECT_SHARE) * _region_score(
        heat, target
    )
    return max(0.0, score)


def _object_score(heat: FloatArray, target: Mask) -> float:
    """Brightness and evenness of the foreground and of the background."""
    share = float(target.mean())
    inside, outside = heat[target], 1 - heat[~target]
    return share * _evenness(inside) + (1 - share) * _evenness(outside)


def _evenness(values: FloatArray) -> float:
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + spread)


def _region_score(heat: FloatArray, target: Mask) -> float:
    """Structural similarity in the four quarters about the target's centre of mass."""
    # As in the authors' code, the nearest row and column are the last of their quarters, and
    # halves go up.
    row, column = (int(places.mean() + 1.5) for places in np.nonzero(target))
    total = 0.0
    for vertical in (slice(0, row), slice(row, None)):
        for horizontal in (slice(0, column), slice(column, None)):
            quarter, wanted = heat[vertical, horizontal], target[vertical, horizontal]
            if wanted.size:
                total += wanted.size / target.size * _similarity(quarter, wanted)
    return total


def _similarity(heat: FloatArray, target: Mask) -> float:
    """The S-measure's form of structural similarity, of two pieces [h, w], not empty."""
    wanted = target.astype(np.float64)
    mean, wanted_mean = heat.mean(), wanted.mean()
    rest = max(heat.size - 1, 1)
    variance, wanted_variance = (
        ((values - centre) ** 2).sum() / rest
        for values, centre in ((heat, mean), (wanted, wanted_mean))
    )
    covariance = ((heat - mean) * (wanted - wanted_mean)).sum() / rest
    above = 4 * mean * wanted_mean * covariance
    below = (mean**2 + wanted_mean**2) * (variance + wanted_variance)
    if above != 0:
        return float(above / (below + np.finfo(np.float64).eps))
    return 1.0 if below == 0 else 0.0
