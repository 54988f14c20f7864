"""Reader of photos and mask pictures in two folders side by side."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np

from squeezesam.data.encoded_masks import RleMask, encode_rle
from squeezesam.data.listing import PHOTO_SUFFIXES, by_stem, list_files, not_alone, split_name
from squeezesam.data.mask_images import (
    Reading,
    by_values,
    mask_size,
    read_objects,
    silhouette,
    trimap,
)
from squeezesam.data.records import HALF, AnnotatedImage, Annotation, FilePhoto, Skipped
from squeezesam.errors import DataError, ImageError
from squeezesam.image_io import opened_photo, photo_file
from squeezesam.photo_pixels import shown_size


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
"""The first pair is taken whose two folders both exist."""

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
        photos, skipped = pictures_by_stem(path / pair.photos)
        masks, alike = pictures_by_stem(path / pair.masks)
        skipped += alike
        of_photo = masks_by_photo(masks, photos.keys())
        entries = [
            (name, tuple(of_photo[stem])) for stem, name in photos.items() if stem in of_photo
        ]
        if not entries:
            reason = f" ({skipped[0].reason})" if skipped else ""
            raise DataError(
                f"no photo in {path / pair.photos} has a mask of the same stem in "
                f"{path / pair.masks}{reason}; rename them"
            )
        lonely = [name for stem, name in photos.items() if stem not in of_photo]
        skipped += [Skipped(name, "it has no mask") for name in lonely]
        for stem in of_photo.keys() - photos.keys():
            skipped += [Skipped(name, "it has no photo") for name in of_photo[stem]]
        return cls(path, pair, tuple(entries), tuple(skipped))

    @property
    def name(self) -> str:
        """Name of the folder."""
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
        size = size_of(path, self.folder / self.pair.masks / masks[0])
        annotations: list[Annotation] = []
        ignored: RleMask | None = None
        for mask in masks:
            found, ignore = read_objects(
                self.folder / self.pair.masks / mask, size, self.pair.reading
            )
            annotations += found
            if ignored is not None and ignore is not None:
                ignore = encode_rle(np.maximum(ignored.coverage(), ignore.coverage()) > HALF)
            ignored = ignore or ignored
        return AnnotatedImage(photo, FilePhoto(path), *size, tuple(annotations), ignored)


def find_pair(folder: Path) -> FolderPair | None:
    """The row of the table whose folders exist."""
    for pair in FOLDER_PAIRS:
        if (folder / pair.photos).is_dir() and (folder / pair.masks).is_dir():
            return pair
    return None


def pictures_by_stem(folder: Path) -> tuple[dict[str, str], list[Skipped]]:
    """Names of the pictures in a folder by stem, sorted, and those that share theirs."""
    found = by_stem(name for name in list_files(folder) if split_name(name)[1] in PHOTO_SUFFIXES)
    skipped = [each for names in found.values() if len(names) > 1 for each in not_alone(names)]
    return {stem: names[0] for stem, names in found.items() if len(names) == 1}, skipped


def masks_by_photo(masks: dict[str, str], stems: Iterable[str]) -> dict[str, list[str]]:
    """Mask names by the stem of their photo, numbered ones in order of their number.

    Args:
        masks: names by stem.
        stems: names of the photos without their suffixes.
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


def size_of(photo: Path, mask: Path) -> tuple[int, int]:
    """Width and height of a photo and its masks.

    It is that of the photo as it is shown; where the mask has that of the photo as stored alone, it
    was drawn without regard to the photo's EXIF orientation.

    Raises:
        DataError: photo or mask is missing or damaged.
    """
    try:
        with photo_file(photo) as file, opened_photo(file, str(photo)) as image:
            stored = image.size
            # As shown and as stored differ in their order alone, and that costs more to find out.
            if stored[0] == stored[1] or mask_size(mask) == stored:
                return stored
            return shown_size(image)
    except ImageError as error:
        raise DataError(f"photo {photo} cannot be read: {error}") from error
