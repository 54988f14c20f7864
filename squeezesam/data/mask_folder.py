"""Reader of photos and mask pictures in two folders side by side."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np
from PIL import Image

from squeezesam.data.listing import PHOTO_SUFFIXES, list_files, split_name
from squeezesam.data.mask_images import Reading, by_values, read_objects, silhouette, trimap
from squeezesam.data.records import AnnotatedImage, Annotation, FilePhoto, Mask, Skipped
from squeezesam.data.rle import encode_rle
from squeezesam.errors import DataError


class FolderPair(NamedTuple):
    """Names of the two folders and how the masks are read."""

    photos: str
    masks: str
    reading: Reading


FOLDER_PAIRS = (
    FolderPair("data_GT", "boundary_GT", trimap),  # GrabCut, as RITM's users have it
    FolderPair("img", "gt", silhouette),  # DAVIS-345 and COCO_MVal, as RITM's users have them
    FolderPair("images", "masks", by_values),  # Berkeley, as RITM's users have it; plain folders
    FolderPair("image", "mask", by_values),
    FolderPair("JPEGImages", "SegmentationObject", by_values),  # Pascal VOC
    FolderPair("JPEGImages", "Annotations", by_values),  # one video of DAVIS
)
"""The first pair of which both folders exist is taken."""

NUMBERED = re.compile(r"(.+)_(\d+)")


@dataclass(frozen=True)
class MaskFolder:
    """Photos with the masks of the same stem; `stem_1`, `stem_2`, ... where the plain stem lacks.

    Attributes:
        folder: the parent of the two folders.
        pair: names of the two folders and how the masks are read.
        entries: names of each photo and its mask files, by name of the photo.
        skipped: files without a partner.
    """

    LAYOUT: ClassVar[str] = "photos and masks of the same stem: " + ", ".join(
        f"{pair.photos}/ and {pair.masks}/" for pair in FOLDER_PAIRS
    )

    folder: Path
    pair: FolderPair
    entries: tuple[tuple[str, tuple[str, ...]], ...]
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether it holds two folders of the table."""
        return find_pair(path) is not None

    @classmethod
    def open(cls, path: Path) -> Self:
        """List both folders.

        Raises:
            DataError: they are missing, or no photo has a mask.
        """
        pair = find_pair(path)
        if pair is None:
            raise DataError(f"{path} holds no {cls.LAYOUT}")
        photos = pictures_by_stem(path / pair.photos)
        masks = masks_by_photo(pictures_by_stem(path / pair.masks), photos.keys())
        entries = [(name, tuple(masks[stem])) for stem, name in photos.items() if stem in masks]
        if not entries:
            raise DataError(
                f"no photo in {path / pair.photos} has a mask of the same stem in "
                f"{path / pair.masks}; rename them"
            )
        skipped = [Skipped(n, "it has no mask") for stem, n in photos.items() if stem not in masks]
        for stem in masks.keys() - photos.keys():
            skipped += [Skipped(name, "it has no photo") for name in masks[stem]]
        return cls(path, pair, tuple(entries), tuple(skipped))

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.folder.absolute().name

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.entries)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks; decodes the mask files to see how many objects they hold.

        Raises:
            DataError: photo or mask is damaged, or they differ in size.
        """
        photo, masks = self.entries[index]
        path = self.folder / self.pair.photos / photo
        width, height = photo_size(path)
        annotations: list[Annotation] = []
        ignores: list[Mask] = []
        for mask in masks:
            found, ignore = read_objects(
                self.folder / self.pair.masks / mask, (width, height), self.pair.reading
            )
            annotations += found
            ignores += [] if ignore is None else [ignore]
        ignored = encode_rle(np.logical_or.reduce(ignores)) if ignores else None
        return AnnotatedImage(photo, FilePhoto(path), width, height, tuple(annotations), ignored)


def find_pair(folder: Path) -> FolderPair | None:
    """The row of the table whose folders exist."""
    for pair in FOLDER_PAIRS:
        if (folder / pair.photos).is_dir() and (folder / pair.masks).is_dir():
            return pair
    return None


def pictures_by_stem(folder: Path) -> dict[str, str]:
    """Names of the pictures in a folder by stem, sorted."""
    named = [(*split_name(name), name) for name in list_files(folder)]
    return {stem: name for stem, suffix, name in named if suffix in PHOTO_SUFFIXES}


def masks_by_photo(masks: dict[str, str], stems: Iterable[str]) -> dict[str, list[str]]:
    """Mask names by the stem of their photo, numbered ones in order of their number.

    Args:
        masks: names by stem.
        stems: of the photos.
    """
    photos = set(stems)
    found: dict[str, list[tuple[int, str]]] = {}
    for stem, name in masks.items():
        numbered = NUMBERED.fullmatch(stem)
        if stem not in photos and numbered and numbered[1] in photos and numbered[1] not in masks:
            found.setdefault(numbered[1], []).append((int(numbered[2]), name))
        else:
            found[stem] = [(0, name)]
    return {stem: [name for _, name in sorted(numbered)] for stem, numbered in found.items()}


def photo_size(path: Path) -> tuple[int, int]:
    """Width and height of a photo, from its header.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with Image.open(path) as image:
            return image.size
    except Exception as error:
        # On a damaged file the decoders raise nearly anything: OSError, SyntaxError, ...
        raise DataError(f"photo {path} cannot be read ({error}); restore it") from error
