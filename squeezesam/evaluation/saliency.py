"""Evaluates the salient-object detector's heat maps on photos with masks.

MAE; F-measure with beta^2 = 0.3 (Achanta et al. 2009), its maximum over all 255 thresholds taken of
the precision and recall that are averaged over photos, as the literature's curves are; S-measure
(Fan et al. 2017, arXiv 1708.00786).
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam.data.records import HALF, Dataset, Prominence, Skipped, prominent
from squeezesam.errors import DataError
from squeezesam.evaluation.measures import Mask, mask_iou
from squeezesam.evaluation.protocol import PERCENT
from squeezesam.evaluation.run import usable_photos
from squeezesam.evaluation.statistics import mean_interval
from squeezesam.files import whole_file
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.load import DetectorCallable, input_side
from squeezesam.inference.saliency_predictor import as_bytes, at_mask_size, chances
from squeezesam.spec import DETECTOR
from squeezesam.terminal import markdown_table

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


HEADER = ("data set", "photos", "MAE", "max F", "S-measure", "IoU")


@dataclass(frozen=True)
class HeatResult:
    """One photo.

    Attributes:
        photo: its file name.
        mae: mean absolute error, 0..1.
        s_measure: 0..1.
        iou: IoU of the pixels that are hotter than one half.
        curve: precision and recall at all thresholds.
    """

    photo: str
    mae: float
    s_measure: float
    iou: float
    curve: Curve


@dataclass(frozen=True)
class HeatEvaluation:
    """One data set.

    Attributes:
        name: name of the data set.
        results: one for each photo.
        skipped: what could not be used.
    """

    name: str
    results: tuple[HeatResult, ...]
    skipped: tuple[Skipped, ...]

    @property
    def row(self) -> tuple[str, ...]:
        """One row of the table under HEADER, with 95 % bootstrap intervals over photos."""
        names = [result.photo for result in self.results]

        def mean(values: Sequence[float], scale: float, digits: int) -> str:
            return f"{mean_interval([scale * value for value in values], names):.{digits}f}"

        return (
            self.name,
            str(len(self.results)),
            mean([result.mae for result in self.results], 1, 3),
            f"{max_f_measure([result.curve for result in self.results]):.3f}",
            mean([result.s_measure for result in self.results], 1, 3),
            mean([result.iou for result in self.results], PERCENT, 1),
        )


def evaluate_heat(
    detector: DetectorCallable, dataset: Dataset, limit: int | None
) -> HeatEvaluation:
    """Measure the heat maps of a data set, each against the photo's prominent objects.

    Args:
        detector: what is under test.
        dataset: photos with masks of whole objects.
        limit: only so many photos, spread evenly.

    Raises:
        DataError: not one photo has a prominent object.
    """
    results = []
    skipped = list(dataset.skipped)
    for photo in usable_photos(dataset, limit, skipped):
        try:
            coverage = prominent(photo.image, Prominence())
        except DataError as error:
            skipped.append(Skipped(f"photo {photo.place}", str(error)))
            continue
        if coverage is None:
            continue
        target = coverage > HALF
        heat = heat_on_photo(detector, photo.pixels)
        levels = as_bytes(heat)
        results.append(
            HeatResult(
                photo.image.name,
                mean_absolute_error(heat, target),
                s_measure(heat, target),
                mask_iou(levels > HALF, target),
                precision_recall(levels, target),
            )
        )
    if not results:
        raise DataError(f"{dataset.name} holds no whole object to evaluate; give one with masks")
    return HeatEvaluation(dataset.name, tuple(results), tuple(skipped))


def heat_on_photo(detector: DetectorCallable, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The heat map of a photo [H, W, 3] at its own size: [H, W] in 0..1."""
    height, width = pixels.shape[:2]
    letterbox = Letterbox.fit(width, height, input_side(detector, kind=DETECTOR))
    with torch.inference_mode():
        logits = at_mask_size(detector(letterbox.apply(pixels)))
    enlarged = letterbox.photo_logits(logits[0].numpy())[0]
    return chances(enlarged)


def heat_table(evaluations: Sequence[HeatEvaluation]) -> str:
    """All data sets in one table, and below it what of each could not be used."""
    skipped = [
        f"{evaluation.name} skipped {len(evaluation.skipped)}: {evaluation.skipped[0].name}, "
        f"{evaluation.skipped[0].reason}"
        for evaluation in evaluations
        if evaluation.skipped
    ]
    table = markdown_table(HEADER, [evaluation.row for evaluation in evaluations])
    return "\n\n".join([table, *skipped])


def write_heat(evaluations: Sequence[HeatEvaluation], path: Path) -> None:
    """Write the raw values of every photo as JSON, and what was skipped."""
    content = [
        {
            "data": evaluation.name,
            "max_f": max_f_measure([result.curve for result in evaluation.results]),
            "photos": [
                {
                    field.name: getattr(result, field.name)
                    for field in dataclasses.fields(result)
                    if field.name != "curve"
                }
                for result in evaluation.results
            ],
            "skipped": [dataclasses.asdict(skipped) for skipped in evaluation.skipped],
        }
        for evaluation in evaluations
    ]
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
