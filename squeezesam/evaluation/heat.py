"""Evaluates the salient-object detector's heat maps on photos with masks."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam.data.records import HALF, Dataset, Skipped
from squeezesam.errors import DataError
from squeezesam.evaluation.measures import mask_iou
from squeezesam.evaluation.protocol import PERCENT
from squeezesam.evaluation.run import usable_photos
from squeezesam.evaluation.saliency_measures import (
    Curve,
    max_f_measure,
    mean_absolute_error,
    precision_recall,
    s_measure,
)
from squeezesam.evaluation.statistics import mean_interval
from squeezesam.files import whole_file
from squeezesam.runtimes import DetectorCallable, input_side
from squeezesam.saliency.predictor import as_bytes, at_mask_size, chances
from squeezesam.saliency.prominence import Prominence, prominent
from squeezesam.spec import DETECTOR
from squeezesam.tables import markdown_table
from squeezesam.transforms import Letterbox

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
