"""The JSON record of one photo and its masks, which SA-1B and COCO share."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from squeezesam.data.encoded_masks import PHOTO_SHARE, PolygonMask, RleMask, check_length
from squeezesam.data.records import (
    HALF,
    AnnotatedImage,
    Annotation,
    Kind,
    MaskCode,
    PhotoSource,
    Skipped,
)
from squeezesam.errors import DataError
from squeezesam.image_io import MAX_PHOTO_PIXELS, MAX_PHOTO_SIDE
from squeezesam.strict_json import shown

MAX_RECORD_BYTES = 16_000_000
"""Limit for the JSON of one photo; as Python objects it is twenty times as large."""

MOST_ANNOTATIONS = 10_000
MOST_MASK_PIXELS = 3_000_000_000
"""Limit for one photo: 250 masks of 12 megapixels, or 10,000 masks of 640x480."""

MOST_SHOWN = 300
NO, YES = (0, "0", "0.0", "false", "no", ""), (1, "1", "1.0", "true", "yes")


@dataclass(frozen=True)
class Vocabulary:
    """Values for what a record does not say.

    Attributes:
        kind: kind of a mask whose record names none.
        categories: name by the `identity` of `category_id`, for masks without a `category` of
            their own.
    """

    kind: Kind
    categories: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def malformed_as(complaint: str) -> Iterator[None]:
    """Turn what goes wrong when taking foreign JSON apart into a DataError.

    Args:
        complaint: names the file and what it should have been.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{complaint}: {error}") from error
    except KeyError as error:
        raise DataError(f"{complaint}: it lacks {shown(error.args[0])}; restore it") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        reason = str(error)[:MOST_SHOWN]
        raise DataError(f"{complaint} ({reason}); restore it or leave it out") from error
    except RecursionError as error:
        raise DataError(f"{complaint} (nested too deeply); restore it or leave it out") from error


def identity(value: object) -> str:
    """An id in the form in which number 1, number 1.0 and text "1" are the same.

    Raises:
        DataError: it is neither a number nor a text.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"the id {shown(value)} is neither a whole number nor a text")
    return str(value)


def is_crowd(value: object) -> bool:
    """Whether `iscrowd` of an annotation says that it is a crowd.

    Raises:
        DataError: it is neither 0 nor 1 in any of the forms in which exporters write them.
    """
    if isinstance(value, str):
        value = value.strip().lower()
    if value is None or value in NO:
        return False
    if value in YES:
        return True
    raise DataError(f"iscrowd is {shown(value)}; write 0 or 1")


def has_outline(segmentation: object) -> bool:
    """Whether a `segmentation` holds an outline; objects with only a box have none."""
    if isinstance(segmentation, Mapping):
        return bool(segmentation) and segmentation.get("counts", True) not in ("", [], None)
    if isinstance(segmentation, list):
        return any(has_outline(each) if isinstance(each, list) else True for each in segmentation)
    return segmentation is not None and segmentation != ""


def parse_record(
    text: str | bytes, photo: str, source: PhotoSource, vocabulary: Vocabulary
) -> AnnotatedImage:
    """The photo that a record describes.

    Args:
        text: JSON with `image` (`width`, `height`), `annotations` (each with `segmentation` and,
            where they are known, `area` and, beyond SA-1B and COCO, `kind`) and, beyond both,
            `ignore`. Crowds are left out; annotations without an outline are too, and listed.
        photo: file name.
        source: where the photo comes from.
        vocabulary: what the record leaves unsaid.

    Raises:
        DataError: not such a record, one of its masks is of another size than the photo, or its
            masks are too many or too long to be drawn.
    """
    with malformed_as(f"the annotation of {photo} is damaged"):
        if len(text) > MAX_RECORD_BYTES:
            raise DataError(f"it has more than {MAX_RECORD_BYTES} bytes")
        content = json.loads(text)
        _check_form(content)
        width, height = (_side(content["image"], name) for name in ("width", "height"))
        sides = min(width, height), max(width, height)
        if sides[0] < 1 or sides[1] > MAX_PHOTO_SIDE or width * height > MAX_PHOTO_PIXELS:
            raise DataError(f"{shown(width)}x{shown(height)} is not the size of a photo")
        entries = list(enumerate(content["annotations"]))
        if len(entries) > MOST_ANNOTATIONS or len(entries) * width * height > MOST_MASK_PIXELS:
            raise DataError(f"{len(entries)} masks of {width}x{height} pixels are too many")
        objects = [(i, each) for i, each in entries if not is_crowd(each.get("iscrowd"))]
        drawn = [each for _, each in objects if has_outline(each.get("segmentation"))]
        annotations = tuple(_parse_annotation(each, width, height, vocabulary) for each in drawn)
        check_length(sum(_length(each.code) for each in annotations), PHOTO_SHARE, width, height)
        ignore = content.get("ignore")
        return AnnotatedImage(
            photo,
            source,
            width,
            height,
            annotations,
            parse_code(ignore, width, height) if has_outline(ignore) else None,
            tuple(
                Skipped(f"{photo} annotation {i}", "it has no outline")
                for i, each in objects
                if not has_outline(each.get("segmentation"))
            ),
        )


def _check_form(content: Any) -> None:
    """See that a record is made of objects and lists where it must be.

    Raises:
        DataError: it is not.
        KeyError: `image` or `annotations` is missing.
    """
    if (
        not isinstance(content, dict)
        or not isinstance(content["image"], dict)
        or not isinstance(content["annotations"], list)
        or not all(isinstance(entry, dict) for entry in content["annotations"])
    ):
        raise DataError("it must have an object `image` and a list `annotations` of objects")


def _side(image: Mapping[str, Any], name: str) -> int:
    """Width or height of a photo, as its entry states it.

    Raises:
        KeyError: it states none.
        DataError: that is no number.
    """
    try:
        return int(image[name])
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"the {name} of the photo is {shown(image[name])}; give pixels") from error


def _parse_annotation(
    entry: Mapping[str, Any], width: int, height: int, vocabulary: Vocabulary
) -> Annotation:
    kind = entry.get("kind", vocabulary.kind)
    if kind not in get_args(Kind):
        raise DataError(f"a mask is of kind {shown(kind)}; there are {', '.join(get_args(Kind))}")
    category = entry.get("category")
    if category is None and entry.get("category_id") is not None:
        category = vocabulary.categories.get(identity(entry["category_id"]))
    code = parse_code(entry["segmentation"], width, height)
    return Annotation(code, _area(entry.get("area"), code), kind, str(category or ""))


def _area(stated: object, code: MaskCode) -> int:
    """The stated area, or that of the mask where none is stated.

    Raises:
        DataError: what is stated is no number.
    """
    try:
        area = 0 if stated is None else int(float(stated))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"the area of a mask is {shown(stated)}; give pixels, or leave the area out"
        ) from error
    return area if area > 0 else int(np.count_nonzero(code.coverage() > HALF))


def _length(code: MaskCode) -> float:
    return code.length if isinstance(code, PolygonMask) else 0.0


def parse_code(segmentation: Any, width: int, height: int) -> MaskCode:
    """The mask that a `segmentation` with an outline holds, of a photo of this size.

    Raises:
        DataError: it is damaged, or of another size than the photo.
        KeyError, TypeError, ValueError, OverflowError: it is not of COCO's form.
    """
    if isinstance(segmentation, list):
        return PolygonMask.parse(segmentation, height, width)
    if not isinstance(segmentation, Mapping):
        raise DataError(f"a segmentation is {shown(segmentation)}; give polygons or run lengths")
    code = RleMask.parse(segmentation)
    if (code.width, code.height) != (width, height):
        raise DataError(
            f"a mask is {shown(code.width)}x{shown(code.height)}, its photo {width}x{height}; "
            "export them again"
        )
    return code
