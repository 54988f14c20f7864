"""Masks kept as pictures: what their pixel values mean.

Three readings, because the same grey picture is a different mask in different data sets:

- `by_values`: a palette picture, or a grey one with values below 64 only, is a label map with an
  object for each value; 255 beside labels is ignored. One value beside 0 is one object, whatever
  the value. Grey 0, 128 and 255 alone are a trimap. Any other grey is a soft matte.
- `trimap`: as RITM reads GrabCut's: above 128 inside, 128 ignored.
- `silhouette`: as RITM reads DAVIS: all that is not black is one object.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam.data.records import HALF, Annotation, Coverage, Mask
from squeezesam.data.rle import encode_rle
from squeezesam.errors import DataError

UNDECIDED = 128
VOID = 255
LARGEST_GREY_LABEL = 63


@dataclass(frozen=True)
class Layers:
    """What one mask picture shows.

    Attributes:
        objects: [H, W] each.
        ignore: [H, W], or None where every pixel counts.
        is_matte: the picture's own grey is the coverage of the one object.
    """

    objects: list[Mask] = field(default_factory=list)
    ignore: Mask | None = None
    is_matte: bool = False


Reading = Callable[[Image.Image], Layers]

Shown = TypeVar("Shown")


def trimap(picture: Image.Image) -> Layers:
    """Above 128 inside, 128 ignored."""
    values = grey_values(picture)
    return Layers([values > UNDECIDED], values == UNDECIDED)


def silhouette(picture: Image.Image) -> Layers:
    """All that is not black is one object."""
    colours = np.asarray(picture.convert("RGB"))
    return Layers([colours.max(axis=2) > 0])


def by_values(picture: Image.Image) -> Layers:
    """One object, a label map, a trimap or a soft matte; see the module's rules.

    Raises:
        DataError: colours without a palette, or values above 255.
    """
    is_palette = picture.mode == "P"
    values = np.asarray(picture) if is_palette else grey_values(picture)
    present = np.flatnonzero(np.bincount(values.ravel()))
    shown = present[present > 0].tolist()
    if len(shown) < 2:
        return Layers([values > 0])
    if not is_palette and shown == [UNDECIDED, VOID]:
        return trimap(picture)
    labels = [value for value in shown if value != VOID]
    if is_palette or labels[-1] <= LARGEST_GREY_LABEL:
        return Layers([values == label for label in labels], values == VOID)
    return Layers([values > HALF], is_matte=True)


def grey_values(picture: Image.Image) -> NDArray[np.uint8]:
    """Pixel values [H, W] of a picture without colours, transparency aside.

    Raises:
        DataError: it has colours, or more than 8 bits.
    """
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture)
        if picture.mode == "F" or values.min() < 0 or values.max() > VOID:
            raise DataError("it has values outside 0..255; save it with 8 bits")
        return values.astype(np.uint8)
    colours = np.asarray(picture.convert("RGB"))
    if (colours != colours[..., :1]).any():
        raise DataError("it has colours; save it in grey, or with a palette")
    return colours[..., 0]


@dataclass(frozen=True)
class MatteFile:
    """A soft matte in a file of its own."""

    path: Path
    size: tuple[int, int]

    def coverage(self) -> Coverage:
        """The matte [H, W], 0..255.

        Raises:
            DataError: the file is missing or damaged.
        """
        return load_mask(self.path, self.size, grey_values)


def load_mask(path: Path, size: tuple[int, int], reading: Callable[[Image.Image], Shown]) -> Shown:
    """What a mask file shows.

    Args:
        path: of the file.
        size: width and height of its photo.
        reading: of the opened picture.

    Raises:
        DataError: it is missing, damaged, of another size, or without meaning.
    """
    try:
        with Image.open(path) as picture:
            if picture.size != size:
                raise DataError(
                    f"it is {picture.width}x{picture.height}, its photo {size[0]}x{size[1]}"
                )
            return reading(picture)
    except Exception as error:
        # On a damaged file the decoders raise nearly anything: OSError, SyntaxError, ...
        raise DataError(f"mask {path} cannot be used: {error}") from error


def read_objects(
    path: Path, size: tuple[int, int], reading: Reading
) -> tuple[list[Annotation], Mask | None]:
    """The objects in a mask file, and what it says to ignore.

    Raises:
        DataError: see `load_mask`.
    """
    layers = load_mask(path, size, reading)
    annotations = [
        Annotation(
            MatteFile(path, size) if layers.is_matte else encode_rle(mask),
            int(np.count_nonzero(mask)),
            "whole",
        )
        for mask in layers.objects
        if mask.any()
    ]
    ignores = layers.ignore is not None and layers.ignore.any()
    return annotations, layers.ignore if ignores else None
