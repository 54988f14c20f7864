"""Reader of a folder in SA-1B layout: NAME.jpg beside NAME.json."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from squeezesam.data.records import AnnotatedImage, Annotation, FilePhoto, PhotoSource, Skipped
from squeezesam.data.rle import RleMask
from squeezesam.errors import DataError


def parse_annotation(text: str | bytes, name: str) -> tuple[str, int, int, tuple[Annotation, ...]]:
    """Photo name, width, height and masks of one SA-1B annotation file.

    Args:
        text: JSON.
        name: of the file, for errors.

    Raises:
        DataError: not an SA-1B annotation.
    """
    try:
        content = json.loads(text)
        info = content["image"]
        annotations = tuple(
            # SA-1B itself has no `kind`; its masks are unlabelled segments.
            Annotation(
                RleMask.parse(entry["segmentation"]),
                int(entry["area"]),
                entry.get("kind", "segment"),
            )
            for entry in content["annotations"]
        )
        return str(info["file_name"]), int(info["width"]), int(info["height"]), annotations
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{name} is not an SA-1B annotation ({error!r})") from error


@dataclass(frozen=True)
class Sa1bFolder:
    """The annotated photos directly inside one folder, by name; each JSON is read when asked for.

    Attributes:
        folder: holds NAME.jpg beside NAME.json.
        annotations: the JSON files.
    """

    folder: Path
    annotations: tuple[Path, ...]
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """List the folder.

        Raises:
            DataError: it is missing or holds no annotation.
        """
        annotations = tuple(sorted(folder.glob("*.json")))
        if not annotations:
            raise DataError(f"{folder} holds no NAME.json beside NAME.jpg (SA-1B layout)")
        return cls(folder, annotations)

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.folder.name

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.annotations)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks.

        Raises:
            DataError: its annotation is damaged.
        """
        path = self.annotations[index]
        try:
            text = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror})") from error
        photo, width, height, annotations = parse_annotation(text, str(path))
        source: PhotoSource = FilePhoto(self.folder / photo)
        return AnnotatedImage(photo, source, width, height, annotations)
