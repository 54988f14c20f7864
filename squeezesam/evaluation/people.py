"""The paper's person table: one click, no click, and a model tuned on people, on the same people.

Of every photo the largest person counts: without a click there is one answer to a photo.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from squeezesam.data.records import AnnotatedImage, Dataset, DatasetView
from squeezesam.evaluation.protocol import PERCENT, ClickProtocol, EvaluationProtocol
from squeezesam.evaluation.run import evaluate
from squeezesam.evaluation.salient_protocol import SalientProtocol
from squeezesam.evaluation.statistics import mean_interval
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.terminal import markdown_table

WAYS: dict[str, EvaluationProtocol] = {
    "one click": ClickProtocol(clicks=1),
    "no click": SalientProtocol(corrections=0),
}
ALL = "all"


class LargestObjects(DatasetView):
    """A data set in which each photo keeps only its largest whole object."""

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with one mask, or with none where it has no whole object."""
        image = self.whole[index]
        wholes = [annotation for annotation in image.annotations if annotation.kind == "whole"]
        largest = sorted(wholes, key=lambda annotation: -annotation.area)[:1]
        return dataclasses.replace(image, annotations=tuple(largest))


@dataclass(frozen=True)
class PersonRow:
    """One model asked in one way.

    Attributes:
        name: name of both.
        ious: IoU of every person, by data set and then by photo.
    """

    name: str
    ious: dict[str, dict[str, float]]


def person_rows(
    predictors: dict[str, SaliencyPredictor], datasets: Sequence[Dataset]
) -> Iterator[PersonRow]:
    """Evaluate every model in every one of WAYS.

    Args:
        predictors: by name.
        datasets: photos with masks of people.

    Raises:
        DataError: a data set in which not one person could be evaluated.
    """
    for name, predictor in predictors.items():
        by_set = {
            dataset.name: evaluate(predictor, LargestObjects(dataset), WAYS) for dataset in datasets
        }
        for number, way in enumerate(WAYS):
            ious = {
                name: {one.photo: one.ious[0] for one in data.protocols[number].objects}
                for name, data in by_set.items()
            }
            yield PersonRow(f"{name}, {way}", ious)


def person_table(rows: Sequence[PersonRow]) -> str:
    """IoU in percent of every row, over all people and by data set, and what it gains.

    The gain is the mean over people of the difference to the first row.
    """
    sets = list(rows[0].ious)
    header = ["model", ALL, "gain over the first row", *sets]
    cells = []
    for row in rows:
        gains = {
            name: {photo: iou - rows[0].ious[name][photo] for photo, iou in row.ious[name].items()}
            for name in sets
        }
        gain = "-" if row is rows[0] else mean_text(gains, sets, "+.1f")
        by_set = [mean_text(row.ious, [name], ".1f") for name in sets]
        cells.append([row.name, mean_text(row.ious, sets, ".1f"), gain, *by_set])
    people = sum(len(photos) for photos in rows[0].ious.values())
    return (
        f"{markdown_table(header, cells)}\n\nIoU in percent of {people} people, the largest of "
        "each photo; in brackets 95 % bootstrap intervals over photos."
    )


def mean_text(values: dict[str, dict[str, float]], sets: Sequence[str], style: str) -> str:
    """Mean in percent over the people of some data sets, with its interval."""
    pooled = {
        f"{name}/{photo}": PERCENT * value for name in sets for photo, value in values[name].items()
    }
    return format(mean_interval(list(pooled.values()), list(pooled)), style)
