"""Evaluates one predictor on data sets, all protocols in one pass over the photos.

A photo is set once, since with most predictors of the SAM family that is the expensive part.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.parts import SharedWork, cut, fingerprint
from squeezesam.data.records import AnnotatedImage, Dataset, Skipped, spread
from squeezesam.environment import machine, package_versions, typed_command
from squeezesam.errors import ConfigError, DataError
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


def check_limit(limit: int | None) -> None:
    """Refuse a number of photos that is none.

    Raises:
        ConfigError: it is below 1.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"--limit {limit} must be at least 1")


def evaluate_all(
    subject: EvaluatedModel,
    predictor: Predictor,
    datasets: Sequence[tuple[Dataset, str]],
    protocols: Mapping[str, EvaluationProtocol],
    limit: int | None,
    work: SharedWork | None = None,
) -> Evaluation:
    """Evaluate on several data sets, for the record of this command line; see `evaluate`.

    Args:
        subject: what is evaluated, for the record.
        predictor: the same, loaded.
        datasets: each with a name of its own, and the name of the folder that it was found in.
        protocols: by name.
        limit: only so many photos of each data set.
        work: shares the photos among processes, and keeps what was measured part by part; all
            processes get the whole. None does all here and keeps nothing.

    Raises:
        DataError: a data set in which not one object could be evaluated.
        OutputError, ProcessError: as `SharedWork.do` does.
    """
    tools = package_versions()
    origin = {
        "model": dataclasses.asdict(subject),
        "protocols": {name: dataclasses.asdict(each) for name, each in protocols.items()},
        "limit": limit,
        "tools": tools,
    }

    def measured(dataset: Dataset, parent: str) -> DataResult:
        own = None if work is None else work.within(dataset.name, origin)
        result = evaluate(predictor, dataset, protocols, limit, own)
        return dataclasses.replace(result, parent=parent)

    return Evaluation(
        SCHEMA_VERSION,
        command=typed_command(),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        subject=subject,
        tools=tools,
        machine=machine(),
        data=tuple(measured(dataset, parent) for dataset, parent in datasets),
    )


@dataclass(frozen=True)
class PartResult:
    """What was measured on some photos of a data set.

    Attributes:
        photos: number of photos that were evaluated.
        skipped: photos and annotations that could not be used.
        objects: by protocol.
    """

    photos: int
    skipped: tuple[Skipped, ...]
    objects: dict[str, tuple[ObjectResult, ...]]


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    protocols: Mapping[str, EvaluationProtocol],
    limit: int | None = None,
    work: SharedWork | None = None,
) -> DataResult:
    """Try every object of a data set; damaged photos and masks are skipped and listed.

    Args:
        predictor: what is under test.
        dataset: photos with masks.
        protocols: by name.
        limit: only so many photos, spread evenly: neighbours are often frames of one video.
        work: see `evaluate_all`.

    Raises:
        DataError: not one object could be evaluated.
        OutputError, ProcessError: as `SharedWork.do` does.
    """
    parts = cut(dataset, spread(range(len(dataset)), limit))

    def measured(undone: Sequence[str]) -> Iterator[PartResult]:
        all_places = [place for part in undone for place in parts[part]]
        shown = in_progress(dataset.name, all_places)
        for part in undone:
            photos = islice(shown, len(parts[part]))
            yield evaluate_photos(predictor, dataset, photos, protocols)
        next(shown, None)  # It ends the line of progress.

    if work is None:
        results = list(measured([*parts]))
    else:
        results = work.do(
            PartResult, [*parts], lambda part: fingerprint(dataset, parts[part]), measured
        )
    skipped = (*dataset.skipped, *(each for result in results for each in result.skipped))
    if not any(objects for result in results for objects in result.objects.values()):
        reason = f"; {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise DataError(
            f"{dataset.name} holds no whole object to evaluate; give one with masks{reason}"
        )
    return DataResult(
        dataset.name,
        sum(result.photos for result in results),
        skipped,
        tuple(
            ProtocolResult(
                name,
                dataclasses.asdict(protocol),
                protocol.definition,
                tuple(each for result in results for each in result.objects[name]),
            )
            for name, protocol in protocols.items()
        ),
    )


def evaluate_photos(
    predictor: Predictor,
    dataset: Dataset,
    places: Iterable[int],
    protocols: Mapping[str, EvaluationProtocol],
) -> PartResult:
    """Try every object of some photos; see `evaluate`."""
    results: dict[str, list[ObjectResult]] = {name: [] for name in protocols}
    skipped: list[Skipped] = []
    photos = 0
    for photo in photos_at(dataset, places, skipped):
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
    objects = {name: tuple(each) for name, each in results.items()}
    return PartResult(photos, tuple(skipped), objects)


def in_progress(label: str, places: Sequence[int]) -> Iterator[int]:
    """The indices of photos in turn, with progress on stderr."""
    for number in with_progress(label, len(places)):
        yield places[number]


def usable_photos(dataset: Dataset, limit: int | None, skipped: list[Skipped]) -> Iterator[Photo]:
    """Photos of a data set in its order, with progress on stderr.

    Args:
        dataset: photos with masks.
        limit: only so many photos, spread evenly.
        skipped: takes what turns out to be damaged.
    """
    places = in_progress(dataset.name, spread(range(len(dataset)), limit))
    yield from photos_at(dataset, places, skipped)


def photos_at(dataset: Dataset, places: Iterable[int], skipped: list[Skipped]) -> Iterator[Photo]:
    """The photos of some indices; see `usable_photos`."""
    for place in places:
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
