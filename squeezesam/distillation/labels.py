"""A teacher's masks as a data set: distillation that costs training nothing.

Every photo is asked about once, and the answers stay in a folder of SA-1B layout, which trains like
any other data set. Each label records what it was made from; a label of another teacher, photo or
options is made again, the others are kept, so an interrupted run goes on where it stopped. Tar
shards become tar shards (`squeezesam/distillation/shards.py`).

Masks are kept hard, as run lengths at the photo's size. A teacher's logits would be softer targets,
but their scale differs from teacher to teacher, they need far more space, and training averages a
mask over the pixels of its own coarser grid anyway, which leaves the border soft.
`predicted_iou` and `stability_score` say how sure the teacher was, as in SA-1B. The kind is
`segment`: a click on a T-shirt may have given the person or the T-shirt.
"""

import hashlib
import json
import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.annotation_json import MAX_RECORD_BYTES
from squeezesam.data.encoded_masks import RleMask, encode_rle
from squeezesam.data.listing import PHOTO_SUFFIXES, list_files, same_name, split_name
from squeezesam.data.open import find_reader, open_dataset
from squeezesam.data.packing import bounding_box
from squeezesam.data.records import AnnotatedImage, Dataset, FilePhoto, Mask, Skipped
from squeezesam.data.sa1b import Sa1bFolder
from squeezesam.distillation.options import LabelOptions
from squeezesam.distillation.teacher import Teacher
from squeezesam.errors import ConfigError, DataError, ImageError, OutputError
from squeezesam.evaluation.measures import deepest_point
from squeezesam.files import (
    PathLike,
    check_name,
    clear_leftovers,
    read_bytes,
    whole_file,
)
from squeezesam.image_io import photo_size
from squeezesam.inference.predictor import LowResPredictor, Predictor
from squeezesam.spec import MASK_THRESHOLD, PointLabel
from squeezesam.terminal import with_progress

Points = NDArray[np.float32]
"""[N, 2] (x, y) in photo pixels."""


def grid_points(width: int, height: int, per_side: int) -> Points:
    """Centres of a regular grid of `per_side` x `per_side` cells over the photo."""
    centres = (np.arange(per_side, dtype=np.float32) + 0.5) / per_side
    x, y = np.meshgrid(centres * width, centres * height)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def mask_points(masks: Iterable[Mask], per_mask: int, seed: int) -> Points:
    """The deepest point of every mask [H, W], then random ones, up to `per_mask` in all."""
    rng = np.random.default_rng(seed)
    points: list[tuple[int, int]] = []
    for mask in masks:
        deepest = deepest_point(mask)
        if deepest is None:
            continue
        points.append((deepest.x, deepest.y))
        rows, columns = mask.nonzero()
        places = rng.choice(len(rows), min(per_mask - 1, len(rows)), replace=False)
        points += zip(columns[places], rows[places], strict=True)
    return np.array(points, np.float32).reshape(-1, 2)


Bits = NDArray[np.uint8]
"""A mask of any resolution, 8 pixels to a byte."""


@dataclass(frozen=True, eq=False)
class JudgedAnswer:
    """One mask that the teacher gave to one click, at the teacher's own resolution.

    Attributes:
        point: the click (x, y) in photo pixels.
        index: which of the masks of that click it is.
        predicted_iou: the teacher's own opinion of the mask.
        stability_score: IoU of the masks at a raised and at a lowered threshold.
        bits: the mask, to compare answers.
    """

    point: tuple[float, float]
    index: int
    predicted_iou: float
    stability_score: float
    bits: Bits


@dataclass(frozen=True)
class TeacherAnswer:
    """A mask that is kept.

    Attributes:
        mask: at the photo's size.
        area: its pixels.
        box: left, top, width and height around it.
        judged: what is known of it besides.
    """

    mask: RleMask
    area: int
    box: list[int]
    judged: JudgedAnswer


def answers(
    predictor: Predictor, pixels: NDArray[np.uint8], points: Points, options: LabelOptions
) -> list[TeacherAnswer]:
    """The teacher's distinct answers to one click at a time, best first.

    All answers are judged at the teacher's own resolution. The few that stay are asked for again,
    at the size of the photo: to enlarge them all would take longer, and to keep them all would
    take a gigabyte.

    Args:
        predictor: the teacher.
        pixels: the photo, [H, W, 3] RGB.
        points: clicks, [N, 2] (x, y).
        options: which answers are kept.

    Raises:
        ConfigError: the teacher predicts no IoU.
    """
    predictor.set_image(pixels)
    sure = [answer for point in points for answer in _sure(predictor, point, options)]
    kept = _distinct(sure, options.duplicate_iou)
    by_click: dict[tuple[float, float], list[JudgedAnswer]] = {}
    for judged in kept:
        by_click.setdefault(judged.point, []).append(judged)
    whole: dict[JudgedAnswer, TeacherAnswer] = {}
    for point, judgements in by_click.items():
        masks = predictor.predict([point], [PointLabel.POSITIVE])[0]
        for judged in judgements:
            mask = masks[judged.index]
            if mask.any():
                box = bounding_box(mask)
                whole[judged] = TeacherAnswer(encode_rle(mask), int(mask.sum()), box, judged)
    return [whole[judged] for judged in kept if judged in whole]


def stability(logits: NDArray[np.float32], offset: float) -> float:
    """IoU of the masks that logits [h, w] give at MASK_THRESHOLD + offset and - offset."""
    union = int((logits > MASK_THRESHOLD - offset).sum())
    return int((logits > MASK_THRESHOLD + offset).sum()) / union if union else 0.0


def _sure(
    predictor: Predictor, point: NDArray[np.float32], options: LabelOptions
) -> Iterator[JudgedAnswer]:
    # As in segment-anything's ONNX export, stability is judged on the low-resolution logits.
    x, y = float(point[0]), float(point[1])
    click = [(x, y)], [PointLabel.POSITIVE]
    if isinstance(predictor, LowResPredictor):
        ious, low_res_masks = predictor.predict_low_res(*click)
    else:
        _, ious, low_res_masks = predictor.predict(*click)
    for index, (iou, logits) in enumerate(zip(ious, low_res_masks, strict=True)):
        if np.isnan(iou):
            raise ConfigError("this teacher predicts no IoU to choose by; take one of SAM's family")
        if iou <= options.predicted_iou:
            continue
        score = stability(logits, options.stability_offset)
        if score >= options.stability_score:
            bits = np.packbits(logits > MASK_THRESHOLD)
            yield JudgedAnswer((x, y), index, float(iou), score, bits)


def _distinct(sure: list[JudgedAnswer], duplicate_iou: float) -> list[JudgedAnswer]:
    """Non-maximum suppression: an answer falls to a better one that it overlaps too much."""
    kept: list[JudgedAnswer] = []
    for answer in sorted(sure, key=lambda answer: -answer.predicted_iou):
        if all(_iou(answer.bits, better.bits) <= duplicate_iou for better in kept):
            kept.append(answer)
    return kept


def _iou(a: Bits, b: Bits) -> float:
    union = int(np.bitwise_count(a | b).sum())
    return int(np.bitwise_count(a & b).sum()) / union if union else 1.0


RECIPE = 2
"""Raised when the same teacher, photo and options come to give other labels."""

DEFAULTS = LabelOptions()

Origin = dict[str, Any]
"""What a label was made from; stands in its file under `teacher`."""


def label_with_teacher(
    teacher: Teacher,
    dataset: Dataset,
    folder: PathLike,
    options: LabelOptions = DEFAULTS,
    own: Container[int] | None = None,
) -> Sa1bFolder:
    """A data set of the teacher's masks, made or found in `folder`.

    Args:
        teacher: who is asked.
        dataset: photos; where one has annotations the teacher is clicked inside them, else all over
            the photo. A damaged one is skipped.
        folder: for the labels; further files in it do no harm and are left alone.
        options: what is asked and which answers are kept.
        own: indices of the photos to label now; None for all. Several processes may label photos of
            one data set in one folder, each its own. A run over all of them follows.

    Returns:
        The labelled photos of `dataset`, with all that was skipped.

    Raises:
        DataError: no photo is usable.
        OutputError: the folder cannot be written to, or holds files of these names that no teacher
            made.
    """
    folder = Path(folder)
    if own is None:
        clear_leftovers(folder)
    claimed: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    skipped = [*dataset.skipped]
    for index in with_progress(f"labels in {folder}", len(dataset)):
        try:
            image = dataset[index]
            # One folder holds all labels, whatever folders the photos come from.
            photo = image.name.replace("/", "-")
            stem = split_name(photo)[0]
            if same_name(stem) in claimed:
                raise DataError(f"{claimed[same_name(stem)]} has the same stem; rename one")
            claimed[same_name(stem)] = photo
            if own is None or index in own:
                _label(teacher, image, folder / photo, folder / f"{stem}.json", options)
        except DataError as error:
            skipped.append(Skipped(f"{dataset.name}[{index}]", str(error)))
        else:
            pairs.append((photo, f"{stem}.json"))
    if not pairs:
        reason = f"; {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise DataError(f"{dataset.name} holds no usable photo{reason}")
    return Sa1bFolder(folder, tuple(pairs), tuple(skipped))


def _label(
    teacher: Teacher, image: AnnotatedImage, photo: Path, label: Path, options: LabelOptions
) -> None:
    """See that `photo` and `label` hold the image and the teacher's masks of it."""
    content = encoded(image)
    origin = origin_of(teacher, image, content, options)
    check_name(label, DataError)
    earlier = _earlier_origin(label)
    has_photo = photo.is_file() and photo.read_bytes() == content
    if photo.exists() and not has_photo and earlier is None:
        raise OutputError(f"{photo} is another photo; name another folder for the labels")
    if has_photo and earlier == origin:
        return
    text = labelled(teacher, image, photo.name, origin, options)[0]
    if not has_photo:
        _store_photo(image, content, photo)
    with whole_file(label) as partial:
        partial.write_text(text)


def encoded(image: AnnotatedImage) -> bytes:
    """The bytes of a photo.

    Raises:
        DataError: they cannot be read.
    """
    try:
        return image.source.read()
    except (OSError, ImageError) as error:
        raise DataError(f"photo {image.name} cannot be read ({error}); restore it") from error


def labelled(
    teacher: Teacher, image: AnnotatedImage, photo: str, origin: Origin, options: LabelOptions
) -> tuple[str, int]:
    """The teacher's label of a photo as the text of its JSON file, and the number of its masks.

    Args:
        teacher: who is asked.
        image: the photo, perhaps with masks to click in.
        photo: name that it has beside the label.
        origin: what the label is made from.
        options: what is asked and which answers are kept.

    Raises:
        ConfigError: the teacher predicts no IoU.
        DataError: the photo is damaged.
    """
    pixels = image.pixels()
    found = answers(teacher.predictor, pixels, _clicks(image, origin, options), options)
    record = {
        "image": {"file_name": photo, "width": image.width, "height": image.height},
        "annotations": [_entry(answer) for answer in found],
        "teacher": origin,
    }
    return json.dumps(record, separators=(",", ":")), len(found)


def origin_of(
    teacher: Teacher, image: AnnotatedImage, content: bytes, options: LabelOptions
) -> Origin:
    """What the label of a photo with these bytes is made from."""
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
        return stated_origin(read_bytes(label, MAX_RECORD_BYTES), label)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise made_by_no_teacher(label) from error


def stated_origin(text: bytes, place: Path) -> Origin:
    """What a label was made from, as its text says.

    Raises:
        OutputError: no teacher made what is at this place, and it might be somebody's work.
    """
    try:
        origin: Origin = json.loads(text)["teacher"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise made_by_no_teacher(place) from error
    return origin


def made_by_no_teacher(place: Path) -> OutputError:
    """The error of a file that must not be replaced."""
    return OutputError(f"{place} was made by no teacher; name another folder for the labels")


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


def _entry(answer: TeacherAnswer) -> dict[str, Any]:
    return {
        "segmentation": {
            "size": [answer.mask.height, answer.mask.width],
            "counts": answer.mask.counts,
        },
        "area": answer.area,
        "bbox": answer.box,
        "kind": "segment",
        "point_coords": [answer.judged.point],
        "predicted_iou": round(answer.judged.predicted_iou, 4),
        "stability_score": round(answer.judged.stability_score, 4),
    }


@dataclass(frozen=True)
class PhotoFolder:
    """The photos directly inside one folder, by name; each is opened when asked for.

    Attributes:
        folder: holds the photos.
        photos: their names.
    """

    folder: Path
    photos: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.absolute().name

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photos)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo, no masks.

        Raises:
            DataError: it is missing, damaged or too large.
        """
        name = self.photos[index]
        path = self.folder / name
        try:
            return AnnotatedImage(name, FilePhoto(path), *photo_size(path), ())
        except ImageError as error:
            raise DataError(str(error)) from error


def open_photos(path: PathLike) -> Dataset:
    """The data set at `path`, or the photos in that folder if it is not a data set.

    Raises:
        DataError: neither, or a damaged data set.
    """
    path = Path(path)
    if find_reader(path) is None and path.is_dir():
        names = [name for name in list_files(path) if split_name(name)[1] in PHOTO_SUFFIXES]
        if names:
            return PhotoFolder(path, tuple(names))
    return open_dataset(path)
