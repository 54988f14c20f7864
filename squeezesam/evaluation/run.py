"""Evaluates one predictor on data sets, all protocols in one pass over the photos.

A photo is set once, since with most predictors of the SAM family that is the expensive part.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.records import AnnotatedImage, Dataset, Skipped
from squeezesam.environment import machine, package_versions, typed_command
from squeezesam.errors import DataError
from squeezesam.evaluation.measures import boundary_iou, mask_iou
from squeezesam.evaluation.protocol import Attempt, EvaluationProtocol
from squeezesam.evaluation.records import (
    SCHEMA_VERSION,
    DataResult,
    EvaluatedModel,
    Evaluation,
    ObjectResult,
    ProtocolResult,
)
from squeezesam.evaluation.targets import WantedObject, find_targets
from squeezesam.inference.predictor import Predictor
from squeezesam.spec import PointLabel
from squeezesam.terminal import with_progress


@dataclass(frozen=True)
class Photo:
    """A photo with objects to find.

    Attributes:
        place: index in its data set.
        image: name, size and masks.
        pixels: [H, W, 3] RGB.
        targets: its objects.
    """

    place: int
    image: AnnotatedImage
    pixels: NDArray[np.uint8]
    targets: list[WantedObject]


def evaluate_all(
    subject: EvaluatedModel,
    predictor: Predictor,
    datasets: Sequence[tuple[Dataset, str]],
    protocols: Mapping[str, EvaluationProtocol],
    limit: int | None,
) -> Evaluation:
    """Evaluate on several data sets, for the record of this command line; see `evaluate`.

    Args:
        subject: what is evaluated, for the record.
        predictor: the same, loaded.
        datasets: each with a name of its own, and the name of the folder that it was found in.
        protocols: by name.
        limit: only so many photos of each data set.

    Raises:
        DataError: a data set in which not one object could be evaluated.
    """
    return Evaluation(
        SCHEMA_VERSION,
        command=typed_command(),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        subject=subject,
        tools=package_versions(),
        machine=machine(),
        data=tuple(
            dataclasses.replace(evaluate(predictor, dataset, protocols, limit), parent=parent)
            for dataset, parent in datasets
        ),
    )


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    protocols: Mapping[str, EvaluationProtocol],
    limit: int | None = None,
) -> DataResult:
    """Try every object of a data set; damaged photos and masks are skipped and listed.

    Args:
        predictor: what is under test.
        dataset: photos with masks.
        protocols: by name.
        limit: only so many photos, spread evenly: neighbours are often frames of one video.

    Raises:
        DataError: not one object could be evaluated.
    """
    results: dict[str, list[ObjectResult]] = {name: [] for name in protocols}
    skipped = list(dataset.skipped)
    photos = 0
    for photo in usable_photos(dataset, limit, skipped):
        photos += 1
        predictor.set_image(photo.pixels)
        for name, protocol in protocols.items():
            for target in protocol.chosen(photo.targets):
                wanted = target.mask
                attempts = list(protocol.attempts(predictor, target))
                masks = [attempt.mask for attempt in attempts]
                predicted = tuple(attempt.predicted_iou for attempt in attempts)
                result = ObjectResult(
                    photo=photo.image.name,
                    place=photo.place,
                    index=target.index,
                    area=int(wanted.sum()),
                    photo_pixels=wanted.size,
                    ious=tuple(mask_iou(mask, wanted) for mask in masks),
                    boundary_ious=tuple(boundary_iou(mask, wanted) for mask in masks),
                    predicted_ious=predicted if np.isfinite(predicted).all() else (),
                    labels=tuple(newest_label(attempt) for attempt in attempts),
                )
                results[name].append(result)
    if not any(results.values()):
        reason = f"; {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise DataError(
            f"{dataset.name} holds no whole object to evaluate; give one with masks{reason}"
        )
    return DataResult(
        dataset.name,
        photos,
        tuple(skipped),
        tuple(
            ProtocolResult(
                name, dataclasses.asdict(protocol), protocol.definition, tuple(results[name])
            )
            for name, protocol in protocols.items()
        ),
    )


def usable_photos(dataset: Dataset, limit: int | None, skipped: list[Skipped]) -> Iterator[Photo]:
    """Photos of a data set in its order, with progress on stderr.

    Args:
        dataset: photos with masks.
        limit: only so many photos, spread evenly.
        skipped: takes what turns out to be damaged.
    """
    count = min(len(dataset), limit or len(dataset))
    for number in with_progress(dataset.name, count):
        place = number * len(dataset) // count
        try:
            image = dataset[place]
            pixels = image.pixels()
            targets, unusable = find_targets(image)
        except DataError as error:
            skipped.append(Skipped(f"photo {place}", str(error)))
            continue
        skipped += [*image.left_out, *unusable]
        yield Photo(place, image, pixels, targets)


def newest_label(attempt: Attempt) -> int:
    """Label of the newest click, PAD where there is none."""
    labels = attempt.prompts.labels
    return int(labels[-1]) if len(labels) else int(PointLabel.PAD)
