"""A teacher's masks as a data set: distillation that costs training nothing.

Every photo is asked about once, and the answers stay in a folder of SA-1B layout, which trains like
any other data set. Each label records what it was made from; a label of another teacher, photo or
options is made again, the others are kept, so an interrupted run goes on where it stopped.

Masks are kept hard, as run lengths at the photo's size. A teacher's logits would be softer targets,
but their scale differs from teacher to teacher, they need far more space, and training averages a
mask over the pixels of its own coarser grid anyway, which leaves the border soft.
`predicted_iou` and `stability_score` say how sure the teacher was, as in SA-1B. The kind is
`segment`: a click on a T-shirt may have given the person or the T-shirt.
"""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from squeezesam.data.annotation_json import MAX_RECORD_BYTES
from squeezesam.data.listing import same_name, split_name
from squeezesam.data.records import AnnotatedImage, Dataset, FilePhoto, Skipped
from squeezesam.data.sa1b import Sa1bFolder
from squeezesam.distillation.answers import Answer, answers
from squeezesam.distillation.options import LabelOptions
from squeezesam.distillation.points import Points, grid_points, mask_points
from squeezesam.distillation.teacher import Teacher
from squeezesam.errors import DataError, ImageError, OutputError
from squeezesam.evaluation.progress import with_progress
from squeezesam.files import (
    PathLike,
    check_name,
    clear_leftovers,
    read_bytes,
    whole_file,
)

RECIPE = 1
"""Raised when the same teacher, photo and options come to give other labels."""

DEFAULTS = LabelOptions()

Origin = dict[str, Any]
"""What a label was made from; stands in its file under `teacher`."""


def label_with_teacher(
    teacher: Teacher, dataset: Dataset, folder: PathLike, options: LabelOptions = DEFAULTS
) -> Sa1bFolder:
    """A data set of the teacher's masks, made or found in `folder`.

    Args:
        teacher: who is asked.
        dataset: photos; where one has annotations the teacher is clicked inside them, else all over
            the photo. A damaged one is skipped.
        folder: for the labels; further files in it do no harm and are left alone.
        options: what is asked and which answers are kept.

    Returns:
        The labelled photos of `dataset`, with all that was skipped.

    Raises:
        DataError: no photo is usable.
        OutputError: the folder cannot be written to, or holds files of these names that no teacher
            made.
    """
    folder = Path(folder)
    clear_leftovers(folder)
    pairs: dict[str, tuple[str, str]] = {}
    skipped = [*dataset.skipped]
    for index in with_progress(f"labels in {folder}", len(dataset)):
        try:
            image = dataset[index]
            # One folder holds all labels, whatever folders the photos come from.
            photo = image.name.replace("/", "-")
            stem = split_name(photo)[0]
            if same_name(stem) in pairs:
                raise DataError(f"{pairs[same_name(stem)][0]} has the same stem; rename one")
            pair = photo, f"{stem}.json"
            _label(teacher, image, folder / pair[0], folder / pair[1], options)
        except DataError as error:
            skipped.append(Skipped(f"{dataset.name}[{index}]", str(error)))
        else:
            pairs[same_name(stem)] = pair
    if not pairs:
        reason = f"; {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise DataError(f"{dataset.name} holds no usable photo{reason}")
    return Sa1bFolder(folder, tuple(pairs.values()), tuple(skipped))


def _label(
    teacher: Teacher, image: AnnotatedImage, photo: Path, label: Path, options: LabelOptions
) -> None:
    """See that `photo` and `label` hold the image and the teacher's masks of it."""
    try:
        content = image.source.read()
    except (OSError, ImageError) as error:
        raise DataError(f"photo {image.name} cannot be read ({error}); restore it") from error
    origin = _origin(teacher, image, content, options)
    check_name(label, DataError)
    earlier = _earlier_origin(label)
    has_photo = photo.is_file() and photo.read_bytes() == content
    if photo.exists() and not has_photo and earlier is None:
        raise OutputError(f"{photo} is another photo; name another folder for the labels")
    if has_photo and earlier == origin:
        return
    pixels = image.pixels()
    found = answers(teacher.predictor, pixels, _clicks(image, origin, options), options)
    record = {
        "image": {"file_name": photo.name, "width": image.width, "height": image.height},
        "annotations": [_entry(answer) for answer in found],
        "teacher": origin,
    }
    if not has_photo:
        _store_photo(image, content, photo)
    with whole_file(label) as partial:
        partial.write_text(json.dumps(record, separators=(",", ":")))


def _origin(
    teacher: Teacher, image: AnnotatedImage, content: bytes, options: LabelOptions
) -> Origin:
    return {
        "recipe": RECIPE,
        "identity": teacher.identity,
        "photo": hashlib.sha256(content).hexdigest(),
        # Areas stand for the masks, which would have to be decoded on every run.
        "areas": [annotation.area for annotation in image.annotations],
        "options": asdict(options),
    }


def _earlier_origin(label: Path) -> Origin | None:
    """What the label in a file was made from; None where there is no file.

    Raises:
        OutputError: no teacher made this file, and it might be somebody's work.
    """
    try:
        origin: Origin = json.loads(read_bytes(label, MAX_RECORD_BYTES))["teacher"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise OutputError(
            f"{label} was made by no teacher; name another folder for the labels"
        ) from error
    return origin


def _clicks(image: AnnotatedImage, origin: Origin, options: LabelOptions) -> Points:
    if not image.annotations:
        return grid_points(image.width, image.height, options.points_per_side)
    masks = (annotation.mask() for annotation in image.annotations)
    return mask_points(masks, options.points_per_mask, seed=int(origin["photo"], 16))


def _store_photo(image: AnnotatedImage, content: bytes, photo: Path) -> None:
    """Write a photo, as a second name of the same file where that can be."""
    with whole_file(photo) as partial:
        if isinstance(image.source, FilePhoto):
            try:
                os.link(image.source.path.resolve(), partial)
                return
            except OSError:
                pass  # Another disk, or one without hard links.
        partial.write_bytes(content)


def _entry(answer: Answer) -> dict[str, Any]:
    return {
        "segmentation": {
            "size": [answer.mask.height, answer.mask.width],
            "counts": answer.mask.counts,
        },
        "area": answer.area,
        "bbox": answer.box,
        "kind": "segment",
        "point_coords": [answer.point],
        "predicted_iou": round(answer.predicted_iou, 4),
        "stability_score": round(answer.stability_score, 4),
    }
