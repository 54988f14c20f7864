"""Accuracy of every artifact of an export, each in its own runtime, kept and not measured twice."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from squeezesam.data.open import open_datasets
from squeezesam.data.records import Dataset
from squeezesam.errors import DataError
from squeezesam.evaluation.click_protocol import ClickProtocol
from squeezesam.evaluation.records import (
    Evaluation,
    ObjectResult,
    read_evaluation,
    write_evaluation,
)
from squeezesam.evaluation.run import evaluate_all
from squeezesam.evaluation.statistics import Interval, mean_interval
from squeezesam.evaluation.subjects import load_model
from squeezesam.evaluation.surroundings import package_versions
from squeezesam.files import whole_file
from squeezesam_export.artifacts import sha256_of

CLICKS = 3


@dataclass(frozen=True)
class Column:
    """Data sets whose objects count as one set.

    Attributes:
        name: of the folder that was given.
        datasets: found in it.
    """

    name: str
    datasets: tuple[Dataset, ...]


def open_columns(folders: Sequence[Path]) -> list[Column]:
    """A column for each folder.

    Raises:
        DataError: a folder is of no known layout.
    """
    return [Column(folder.resolve().name, tuple(open_datasets(folder))) for folder in folders]


def measured(path: Path, columns: Sequence[Column], limit: int | None, folder: Path) -> Evaluation:
    """Evaluate weights or an artifact with clicks, or read what an earlier run found.

    Args:
        path: of the file.
        columns: what to evaluate on.
        limit: only so many photos of each data set.
        folder: where results are kept.

    Raises:
        ArtifactError, MissingDependencyError, WeightsError: the file cannot be loaded.
        DataError: a data set holds no object.
    """
    datasets = [dataset for column in columns for dataset in column.datasets]
    decisive = [
        sha256_of(path),
        [(dataset.name, len(dataset)) for dataset in datasets],
        limit,
        CLICKS,
        package_versions(),
    ]
    key = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]
    kept = folder / f"{path.name}_{key}.json"
    if kept.is_file():
        with suppress(DataError):  # damaged: measure again
            return read_evaluation(kept)
    subject, predictor = load_model(path, None)
    protocols = {"clicks": ClickProtocol(CLICKS)}
    alone = [(dataset, "") for dataset in datasets]
    evaluation = evaluate_all(subject, predictor, alone, protocols, limit)
    with whole_file(kept) as partial:
        write_evaluation(evaluation, partial)
    return evaluation


def objects_of(evaluation: Evaluation, column: Column) -> dict[tuple[str, int], ObjectResult]:
    """Results of a column's objects, by photo and place among the photo's annotations."""
    names = {dataset.name for dataset in column.datasets}
    return {
        (f"{data.name}/{result.photo}", result.index): result
        for data in evaluation.data
        if data.name in names
        for result in data.protocols[0].objects
    }


def mean_iou(evaluation: Evaluation, column: Column, click: int) -> float:
    """Mean IoU after a number of clicks, in percent."""
    values = [result.ious[click - 1] for result in objects_of(evaluation, column).values()]
    return 100 * sum(values) / len(values)


def iou_gained(evaluation: Evaluation, over: Evaluation, column: Column, click: int) -> Interval:
    """Mean difference of IoU to another evaluation, object by object, in points."""
    ours, theirs = objects_of(evaluation, column), objects_of(over, column)
    return mean_interval(
        [100 * (ours[key].ious[click - 1] - theirs[key].ious[click - 1]) for key in ours],
        [photo for photo, _ in ours],
    )
