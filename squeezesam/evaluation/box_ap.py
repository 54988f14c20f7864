"""COCO AP of the masks that a model gives for the boxes of an object detector.

The detector's result file is the common one: a list of `image_id`, `category_id`, `bbox` (left,
top, width, height in photo pixels) and `score`. Masks keep the score and the category of their
boxes, so the AP says how good detector and model are together: only models that were given the
same boxes can be compared. pycocotools computes the AP, with crowds ignored as COCO does.
"""

import contextlib
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from squeezesam import strict_json
from squeezesam.data.annotation_json import (
    has_outline,
    identity,
    is_crowd,
    malformed_as,
    parse_code,
)
from squeezesam.data.coco import (
    MAX_FILE_BYTES,
    CocoInstances,
    CutByPhoto,
    find_photos,
    read_text,
)
from squeezesam.data.encoded_masks import encode_rle
from squeezesam.data.records import HALF, AnnotatedImage, Dataset, FilePhoto, spread
from squeezesam.errors import ConfigError, DataError, MissingDependencyError
from squeezesam.evaluation.measures import Mask
from squeezesam.inference.predictor import Predictor
from squeezesam.terminal import with_progress

LVIS_KEY = "neg_category_ids"
"""What the photos of LVIS have, which lists only some objects of a photo."""

SIDES = 4
"""Numbers of a box."""


@dataclass(frozen=True)
class Detection:
    """A box of a detector.

    Attributes:
        category: identity of its category.
        box: left, top, width and height in photo pixels.
        score: the larger the surer.
    """

    category: str
    box: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class MaskAp:
    """COCO's average precision of masks, each 0..1; None where there is no object of that size.

    Attributes:
        ap: mean over thresholds of IoU from 0.5 to 0.95.
        ap50: at an IoU of 0.5.
        ap75: at an IoU of 0.75.
        small: `ap` of objects below 32 x 32 pixels.
        medium: `ap` of objects below 96 x 96 pixels.
        large: `ap` of all larger objects.
        photos: on which this was measured.
        boxes: that were given on these photos.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    small: float | None
    medium: float | None
    large: float | None
    photos: int
    boxes: int


class BoxedPhotos:
    """The photos of a COCO file with the boxes of a detector.

    Args:
        dataset: of COCO's layout; its photos without objects take part too.
        results: the detector's result file.
        limit: only so many photos, evenly spread.

    Attributes:
        strays: detections that name a photo or a category that the file lacks.

    Raises:
        ConfigError: the data set is of another layout.
        DataError: a file is damaged, or no detection is on one of the photos.
        MissingDependencyError: the data set is LVIS.
    """

    def __init__(self, dataset: Dataset, results: Path, limit: int | None = None) -> None:
        if not isinstance(dataset, CocoInstances):
            raise ConfigError(f"boxes of a detector need a data set of COCO, not {dataset.name}")
        self._path = dataset.path
        with malformed_as(f"{dataset.path} is not COCO's annotation of instances"):
            self._cut = CutByPhoto.of(read_text(dataset.path))
            images = {key: json.loads(text) for key, text in self._cut.images.items()}
        if any(LVIS_KEY in image for image in images.values()):
            raise MissingDependencyError(
                f"{dataset.path} is LVIS, and its AP needs the package lvis, which fails beside "
                "numpy 1.24 or later; give a COCO file"
            )
        self._folder, places = find_photos(dataset.path, self._cut.names.values())
        there = [key for key, name in self._cut.names.items() if name in places]
        self._keys = spread(there, limit)
        self._images = {key: images[key] for key in self._keys}
        self._places = places
        self._numbers = {key: number for number, key in enumerate(self._cut.categories, start=1)}
        detections = read_detections(results)
        usable = {
            key: [one for one in detections.get(key, ()) if one.category in self._numbers]
            for key in self._cut.names
        }
        self.strays = sum(map(len, detections.values())) - sum(map(len, usable.values()))
        self._detections = {key: usable[key] for key in self._keys}
        if not any(self._detections.values()):
            raise DataError(
                f"{results} has no box on a photo of {dataset.path}; give the results of a "
                "detector on this data set"
            )
        self._truth = self._true_masks()

    def ap_of(self, predictor: Predictor) -> MaskAp:
        """Ask a predictor for a mask in every box, and compare the masks with the true ones.

        Photos that cannot be read do not count.

        Raises:
            DataError: no photo with a box can be read.
        """
        photos: list[int] = []
        masks: list[dict[str, Any]] = []
        for place in with_progress(f"{self._path.stem} boxes", len(self._keys)):
            key = self._keys[place]
            try:
                pixels = self._photo(key).pixels()
            except DataError:
                continue
            photos.append(place)
            if self._detections[key]:
                predictor.set_image(pixels)
            masks += [
                {
                    "image_id": place,
                    "category_id": self._numbers[one.category],
                    "segmentation": coded(mask_in_box(predictor, one, pixels)),
                    "score": one.score,
                }
                for one in self._detections[key]
            ]
        if not masks:
            raise DataError(f"no photo of {self._path} with a box can be read; restore them")
        return average_precision(self._truth, masks, photos)

    def _photo(self, key: str) -> AnnotatedImage:
        name = self._places[self._cut.names[key]]
        return AnnotatedImage(name, FilePhoto(self._folder / name), *self._size(key), ())

    def _size(self, key: str) -> tuple[int, int]:
        """Width and height of a photo."""
        image = self._images[key]
        return int(image["width"]), int(image["height"])

    def _true_masks(self) -> dict[str, Any]:
        """The chosen photos with their objects, crowds included, in COCO's format."""
        with malformed_as(f"an annotation of {self._path} is damaged"):
            annotations = [
                {**annotation, "id": number}
                for number, annotation in enumerate(self._objects(), start=1)
            ]
        images = [
            {"id": place, "width": width, "height": height}
            for place, (width, height) in enumerate(map(self._size, self._keys))
        ]
        categories = [{"id": number} for number in self._numbers.values()]
        return {"images": images, "annotations": annotations, "categories": categories}

    def _objects(self) -> Iterator[dict[str, Any]]:
        for place, key in enumerate(self._keys):
            for text in self._cut.annotations.get(key, []):
                entry = json.loads(text)
                category = self._numbers.get(identity(entry["category_id"]))
                if category is None or not has_outline(entry.get("segmentation")):
                    continue
                mask = parse_code(entry["segmentation"], *self._size(key)).coverage() > HALF
                yield {
                    "image_id": place,
                    "category_id": category,
                    "iscrowd": int(is_crowd(entry.get("iscrowd"))),
                    "area": float(entry.get("area") or np.count_nonzero(mask)),
                    "segmentation": coded(mask),
                }


def read_detections(path: Path) -> dict[str, list[Detection]]:
    """The boxes of a detector's result file, by the identity of their photo.

    Raises:
        DataError: missing, or not such a file.
    """
    found: dict[str, list[Detection]] = defaultdict(list)
    try:
        entries = strict_json.read(path, MAX_FILE_BYTES)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; name a result file") from error
    except strict_json.JsonError as error:
        raise DataError(f"{path} is no result file of a detector ({error})") from error
    with malformed_as(f"{path} is no result file of a detector"):
        for entry in entries:
            box = np.array(entry["bbox"], np.float64)
            score = float(entry["score"])
            if box.shape != (SIDES,) or not np.isfinite([*box, score]).all():
                raise DataError(
                    f"a box is {strict_json.shown(entry['bbox'])} with the score "
                    f"{strict_json.shown(entry['score'])}; give 4 numbers and a score"
                )
            left, top, width, height = map(float, box)
            detection = Detection(identity(entry["category_id"]), (left, top, width, height), score)
            found[identity(entry["image_id"])].append(detection)
    return found


def mask_in_box(predictor: Predictor, detection: Detection, photo: NDArray[np.uint8]) -> Mask:
    """The one mask [H, W] for a box on the photo [H, W, 3] that is set.

    It is empty where the box, cut to the photo, has no area.
    """
    height, width = photo.shape[:2]
    left, top, across, down = detection.box
    edges = np.array([left, top, left + across, top + down])
    box = edges.clip(0, [width, height, width, height]).astype(np.float32)
    if box[0] >= box[2] or box[1] >= box[3]:
        return np.zeros((height, width), np.bool_)
    masks, _, _ = predictor.predict(box=box, multimask_output=False)
    return np.asarray(masks[0])


def coded(mask: Mask) -> dict[str, Any]:
    """A mask [H, W] as COCO's results have it."""
    code = encode_rle(mask)
    return {"size": [code.height, code.width], "counts": code.counts}


def average_precision(
    truth: dict[str, Any], masks: Sequence[dict[str, Any]], photos: Sequence[int]
) -> MaskAp:
    """COCO's AP of masks.

    Args:
        truth: photos, objects and categories in COCO's format.
        masks: at least one, in COCO's format of results.
        photos: identities of the photos that count.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        ground_truth = COCO()
        ground_truth.dataset = truth
        ground_truth.createIndex()
        evaluation = COCOeval(ground_truth, ground_truth.loadRes(list(masks)), "segm")
        evaluation.params.imgIds = list(photos)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ap, ap50, ap75, small, medium, large = (
        None if value < 0 else float(value) for value in evaluation.stats[:6]
    )
    return MaskAp(ap, ap50, ap75, small, medium, large, len(photos), len(masks))
