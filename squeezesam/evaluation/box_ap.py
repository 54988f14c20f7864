"""COCO AP of the masks that a model gives for the boxes of an object detector.

The detector's result file is the common one: a list of `image_id`, `category_id`, `bbox` (left,
top, width, height in photo pixels) and `score`. Masks keep the score and the category of their
boxes, so the AP says how good detector and model are together: only models that were given the
same boxes can be compared.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from squeezesam.errors import ConfigError, DataError
from squeezesam.evaluation.average_precision import LvisRules, MaskAp, average_precision
from squeezesam.evaluation.measures import Mask
from squeezesam.inference.predictor import Predictor
from squeezesam.terminal import with_progress

ABSENT, INCOMPLETE = "neg_category_ids", "not_exhaustive_category_ids"
"""What photos of LVIS say of categories: none of it is there, and not all of it is annotated."""

LVIS_BOXES = 300
"""Boxes of each photo that count in LVIS, the surest ones."""

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
    """

    def __init__(self, dataset: Dataset, results: Path, limit: int | None = None) -> None:
        if not isinstance(dataset, CocoInstances):
            raise ConfigError(f"boxes of a detector need a data set of COCO, not {dataset.name}")
        self._path = dataset.path
        with malformed_as(f"{dataset.path} is not COCO's annotation of instances"):
            self._cut = CutByPhoto.of(read_text(dataset.path))
            images = {key: json.loads(text) for key, text in self._cut.images.items()}
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
        self._truth = self._true_masks()
        self._lvis = self._lvis_rules() if any(ABSENT in one for one in images.values()) else None
        self._detections = {
            key: self._counted(place, usable[key]) for place, key in enumerate(self._keys)
        }
        if not any(self._detections.values()):
            raise DataError(
                f"{results} has no box on a photo of {dataset.path}; give the results of a "
                "detector on this data set"
            )

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
        return average_precision(self._truth, masks, photos, self._lvis)

    def _lvis_rules(self) -> LvisRules:
        """What LVIS says of categories on the chosen photos."""
        listed: dict[str, dict[int, set[int]]] = {ABSENT: {}, INCOMPLETE: {}}
        with malformed_as(f"a photo of {self._path} has no lists of LVIS's categories"):
            for place, key in enumerate(self._keys):
                for name, photos in listed.items():
                    categories = map(identity, self._images[key][name])
                    photos[place] = {self._numbers[one] for one in categories}
        for entry in self._truth["annotations"]:
            listed[ABSENT][entry["image_id"]].add(entry["category_id"])
        frequencies = self._cut.frequencies.items()
        return LvisRules(
            listed[ABSENT],
            listed[INCOMPLETE],
            {self._numbers[category]: frequency for category, frequency in frequencies},
        )

    def _counted(self, place: int, detections: Sequence[Detection]) -> Sequence[Detection]:
        """Those that count: all of COCO's; of LVIS the surest, where it is known what is there."""
        if self._lvis is None:
            return detections
        surest = sorted(detections, key=lambda one: one.score, reverse=True)[:LVIS_BOXES]
        judged = self._lvis.judged[place]
        return [one for one in surest if self._numbers[one.category] in judged]

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
