"""What every reader yields: photos whose pixels and masks are decoded only when asked for.

The name of a photo alone decides its part, which stays when photos are added or left out.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import DataError, ImageError
from squeezesam.files import read_bytes
from squeezesam.image_io import MAX_PHOTO_BYTES, opened_photo
from squeezesam.photo_pixels import rgb_pixels

Mask = NDArray[np.bool_]
Coverage = NDArray[np.uint8]

Kind = Literal["whole", "part", "segment"]
"""A complete object, a piece of one, or a region that may be either."""

HALF = 127
"""Coverage above this counts as inside."""

T = TypeVar("T")


def spread(items: Sequence[T], most: int | None) -> list[T]:
    """At most so many of the items, evenly spread, since neighbours are alike; None keeps all."""
    count = len(items) if most is None else min(most, len(items))
    return [items[number * len(items) // count] for number in range(count)]


class MaskCode(Protocol):
    """A mask as its data set stores it."""

    def coverage(self) -> Coverage:
        """Share of each pixel inside the object: [H, W], 0..255.

        Raises:
            DataError: the code is damaged.
        """


class PhotoSource(Protocol):
    """Where the encoded bytes of a photo come from."""

    def read(self) -> bytes:
        """The file's content.

        Raises:
            OSError: it cannot be read.
        """


@dataclass(frozen=True)
class FilePhoto:
    """A photo in a file of its own."""

    path: Path

    def read(self) -> bytes:
        """The file's content.

        Raises:
            OSError: it cannot be read, or is larger than any photo.
        """
        return read_bytes(self.path, MAX_PHOTO_BYTES)


@dataclass(frozen=True)
class Annotation:
    """One mask.

    Attributes:
        code: the mask as stored.
        area: pixels inside, as the data set states it.
        kind: what it is a mask of.
        category: the data set's name for it, empty where it has none.
    """

    code: MaskCode
    area: int
    kind: Kind
    category: str = ""

    def mask(self) -> Mask:
        """The mask, [H, W]."""
        return self.code.coverage() > HALF


@dataclass(frozen=True)
class AnnotatedImage:
    """One photo and its masks.

    Attributes:
        name: name of the photo's file, unique in its data set.
        source: the photo's bytes.
        width: width of photo and masks in pixels.
        height: height of photo and masks in pixels.
        annotations: the masks.
        ignore: pixels that count neither as inside nor as outside of any mask, for example the
            undecided border of GrabCut's masks; evaluation leaves them out of intersection and
            union. None where every pixel counts.
        left_out: objects that cannot be used.
    """

    name: str
    source: PhotoSource
    width: int
    height: int
    annotations: tuple[Annotation, ...]
    ignore: MaskCode | None = None
    left_out: tuple["Skipped", ...] = ()

    def pixels(self) -> NDArray[np.uint8]:
        """The photo as it is shown, [H, W, 3] RGB, read as `squeezesam segment` reads it.

        Masks belong to the photo as it is shown; where their size is that of the photo as stored
        alone, they were drawn without regard to its EXIF orientation, and so is the photo read.

        Raises:
            DataError: the photo is missing, damaged, or not of the size that its masks have.
            MissingDependencyError: it is HEIC or HEIF, and the extra `heif` is not installed.
        """
        size = (self.width, self.height)
        try:
            file = io.BytesIO(self.source.read())
            with opened_photo(file, f"photo {self.name}") as image:
                if size not in (image.size, image.size[::-1]):
                    raise self._of_another_size(*image.size)
                photo = rgb_pixels(image, file, size)
        except OSError as error:
            raise DataError(
                f"photo {self.name} cannot be read ({error}); restore it or leave it out"
            ) from error
        except ImageError as error:
            raise DataError(str(error)) from error
        height, width = photo.shape[:2]
        if (width, height) != size:
            raise self._of_another_size(width, height)
        return photo

    def _of_another_size(self, width: int, height: int) -> DataError:
        return DataError(
            f"photo {self.name} is {width}x{height}, its masks are "
            f"{self.width}x{self.height}; restore the photo that they were drawn on"
        )


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why."""

    name: str
    reason: str


class Dataset(Protocol):
    """Photos by index; opening one reads no pixels and no masks."""

    @property
    def name(self) -> str:
        """Name of the folder or file, for tables and sampling weights."""

    @property
    def skipped(self) -> Sequence[Skipped]:
        """What was found unusable on opening."""

    def __len__(self) -> int:
        """Number of photos."""

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks.

        Raises:
            DataError: its annotation is damaged; the other photos are still good.
        """


@dataclass(frozen=True)
class DatasetView:
    """All photos of a data set as they are; what differs is for a subclass to say.

    Attributes:
        whole: the data set.
    """

    whole: Dataset

    @property
    def name(self) -> str:
        """Name of the whole data set."""
        return self.whole.name

    @property
    def skipped(self) -> Sequence[Skipped]:
        """What the whole data set left out."""
        return self.whole.skipped

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.whole)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks."""
        return self.whole[index]


ONE_IN = 5


def is_held_out(name: str) -> bool:
    """Whether the photo of this file name is one of the fifth that is never trained on."""
    return hashlib.sha256(name.encode()).digest()[0] % ONE_IN == 0


@dataclass(frozen=True)
class Subset(DatasetView):
    """Some photos of a data set, in its order and under its name.

    Attributes:
        places: indices of the photos in the whole data set.
    """

    places: tuple[int, ...]

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.places)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks."""
        return self.whole[self.places[index]]


def split(dataset: Dataset, *, held_out: bool) -> Subset:
    """The held-out photos of a data set, or all others; damaged annotations belong to neither.

    Raises:
        DataError: none are left.
    """
    places = []
    for place in range(len(dataset)):
        try:
            name = dataset[place].name
        except DataError:
            continue
        if is_held_out(name) == held_out:
            places.append(place)
    if not places:
        part = "held-out" if held_out else "other than held-out"
        raise DataError(f"{dataset.name} has no {part} photo; give a larger data set")
    return Subset(dataset, tuple(places))


@dataclass(frozen=True)
class Prominence:
    """What counts as prominent.

    Attributes:
        smallest: share of the photo that the largest object must cover.
        similar: objects of this share of the largest one's area are prominent too.
    """

    smallest: float = 0.0
    similar: float = 1 / 3


def prominent(image: AnnotatedImage, prominence: Prominence) -> Coverage | None:
    """Coverage of the most prominent whole objects together, [H, W]; None if there are none.

    Raises:
        DataError: a mask is damaged, or not of the photo's size.
    """
    wholes = [annotation for annotation in image.annotations if annotation.kind == "whole"]
    largest = max((annotation.area for annotation in wholes), default=0)
    if largest < prominence.smallest * image.width * image.height:
        return None
    together = np.zeros((image.height, image.width), np.uint8)
    for annotation in wholes:
        if annotation.area < prominence.similar * largest:
            continue
        coverage = annotation.code.coverage()
        if coverage.shape != together.shape:
            height, width = coverage.shape
            raise DataError(
                f"a mask of {image.name} is {width}x{height}, the photo is "
                f"{image.width}x{image.height}; restore it or leave it out"
            )
        np.maximum(together, coverage, out=together)
    return together if (together > HALF).any() else None
