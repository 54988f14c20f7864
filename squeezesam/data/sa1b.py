"""Reader of a folder in SA-1B layout: NAME.jpg beside NAME.json."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam.data.rle import decode_rle
from squeezesam.errors import DataError


@dataclass(frozen=True)
class Annotation:
    """One mask: its run-length code, area in pixels and `kind` (whole, part or segment)."""

    segmentation: dict[str, Any]
    area: int
    kind: str

    def mask(self) -> NDArray[np.bool_]:
        """The mask, [H, W]."""
        return decode_rle(self.segmentation)


@dataclass(frozen=True)
class AnnotatedImage:
    """One photo and its masks."""

    path: Path
    width: int
    height: int
    annotations: tuple[Annotation, ...]

    def pixels(self) -> NDArray[np.uint8]:
        """The photo, [H, W, 3] RGB."""
        with Image.open(self.path) as image:
            return np.asarray(image.convert("RGB"))


def read_folder(folder: Path) -> list[AnnotatedImage]:
    """All annotated photos directly inside `folder`, by name.

    Raises:
        DataError: the folder is missing, holds no annotated photo, or a JSON is damaged.
    """
    images = list(_read_images(folder))
    if not images:
        raise DataError(f"{folder} holds no NAME.json beside NAME.jpg (SA-1B layout)")
    return images


def _read_images(folder: Path) -> Iterator[AnnotatedImage]:
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text())
            info = content["image"]
            annotations = tuple(
                # SA-1B itself has no `kind`; its masks are unlabelled segments.
                Annotation(entry["segmentation"], int(entry["area"]), entry.get("kind", "segment"))
                for entry in content["annotations"]
            )
            yield AnnotatedImage(
                folder / info["file_name"], int(info["width"]), int(info["height"]), annotations
            )
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not an SA-1B annotation ({error!r})") from error
