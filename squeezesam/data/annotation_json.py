"""The JSON record of one photo and its masks, which SA-1B and COCO share."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

from squeezesam.data.polygons import PolygonMask
from squeezesam.data.records import (
    AnnotatedImage,
    Annotation,
    Kind,
    MaskCode,
    PhotoSource,
)
from squeezesam.data.rle import RleMask
from squeezesam.errors import DataError
from squeezesam.image_io import MAX_PHOTO_PIXELS


@dataclass(frozen=True)
class Vocabulary:
    """What a record leaves unsaid.

    Attributes:
        kind: of a mask whose record names none.
        categories: name by `category_id`, for masks without a `category` of their own.
    """

    kind: Kind
    categories: Mapping[Any, str] = field(default_factory=dict)


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
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise DataError(f"{complaint} ({error!r}); restore it or leave it out") from error
    except RecursionError as error:
        raise DataError(f"{complaint} (nested too deeply); restore it or leave it out") from error


def parse_record(
    text: str | bytes, photo: str, source: PhotoSource, vocabulary: Vocabulary
) -> AnnotatedImage:
    """The photo that a record describes.

    Args:
        text: JSON with `image` (`width`, `height`), `annotations` (each with `segmentation`,
            `area` and, beyond SA-1B and COCO, `kind`) and, beyond both, `ignore`. Crowds and
            annotations with an empty `segmentation` are left out.
        photo: file name.
        source: of the photo.
        vocabulary: what the record leaves unsaid.

    Raises:
        DataError: not such a record, or one of its masks is of another size than the photo.
    """
    with malformed_as(f"the annotation of {photo} is damaged"):
        content = json.loads(text)
        width, height = int(content["image"]["width"]), int(content["image"]["height"])
        if min(width, height) < 1 or width * height > MAX_PHOTO_PIXELS:
            raise DataError(f"{width}x{height} is not the size of a photo")
        annotations = tuple(
            _parse_annotation(entry, width, height, vocabulary)
            for entry in content["annotations"]
            if not entry.get("iscrowd") and entry["segmentation"]
        )
        ignore = content.get("ignore")
        return AnnotatedImage(
            photo,
            source,
            width,
            height,
            annotations,
            _parse_code(ignore, width, height) if ignore else None,
        )


def _parse_annotation(
    entry: Mapping[str, Any], width: int, height: int, vocabulary: Vocabulary
) -> Annotation:
    kind = entry.get("kind", vocabulary.kind)
    if kind not in get_args(Kind):
        raise DataError(f"a mask is of kind {kind!r}; there are {', '.join(get_args(Kind))}")
    category = entry.get("category", vocabulary.categories.get(entry.get("category_id"), ""))
    code = _parse_code(entry["segmentation"], width, height)
    return Annotation(code, int(entry["area"]), kind, str(category))


def _parse_code(segmentation: Any, width: int, height: int) -> MaskCode:
    if isinstance(segmentation, list):
        return PolygonMask.parse(segmentation, height, width)
    code = RleMask.parse(segmentation)
    if (code.width, code.height) != (width, height):
        raise DataError(
            f"a mask is {code.width}x{code.height}, its photo {width}x{height}; export them again"
        )
    return code
