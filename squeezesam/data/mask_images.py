"""Masks kept as pictures: what their pixel values mean.

Three readings, because the same grey picture is a different mask in different data sets:

- `by_values`: a palette picture, or a grey one with values below 64 only, is a label map with an
  object for each index (see `palette_labels`) or value; 255 beside labels is ignored. One value
  beside 0 is one object, whatever the value. Grey 0, 128 and 255 alone are a trimap. Any other grey
  is a soft matte.
- `trimap`: as RITM reads GrabCut's: above 128 inside, 128 ignored.
- `silhouette`: as RITM reads DAVIS: all that is not black is one object.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam.data.encoded_masks import RleMask, encode_rle
from squeezesam.data.records import HALF, Annotation, Coverage, Mask
from squeezesam.errors import DataError, ImageError
from squeezesam.image_io import opened_photo, photo_file, photo_size
from squeezesam.photo_pixels import turned

UNDECIDED = 128
VOID = 255
LARGEST_GREY_LABEL = 63


@dataclass(frozen=True)
class Layers:
    """What one mask picture shows.

    Attributes:
        objects: [H, W] each, one at a time: of a large photo not all need fit into memory.
        ignore: [H, W], or None where every pixel counts.
        is_matte: the picture's own grey is the coverage of the one object.
    """

    objects: Iterable[Mask] = ()
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
    return Layers([visible(picture).max(axis=2) > 0])


def by_values(picture: Image.Image) -> Layers:
    """One object, a label map, a trimap or a soft matte; see the module's rules.

    Raises:
        DataError: colours without a palette, or values above 255.
    """
    labels = palette_labels(picture) if picture.mode == "P" else None
    values = grey_values(picture) if labels is None else labels
    present = np.flatnonzero(np.bincount(values.ravel(), minlength=1))
    shown = present[present > 0].tolist()
    if len(shown) < 2:
        return Layers([values > 0])
    if labels is None and shown == [UNDECIDED, VOID]:
        return trimap(picture)
    named = [value for value in shown if value != VOID]
    if labels is not None or named[-1] <= LARGEST_GREY_LABEL:
        return Layers((values == label for label in named), values == VOID)
    return Layers([values > HALF], is_matte=True)


def palette_labels(picture: Image.Image) -> NDArray[np.uint8] | None:
    """Labels [H, W] of a palette picture, 0 for the background; None for a picture in grey.

    The index is the label where no colour is darker than that of index 0, as in data sets made for
    training. Tools that reduce colours put them in any order; black is the background then.

    Raises:
        DataError: nothing says which index is the background.
    """
    indices = np.asarray(picture)
    if holds_shape_in_alpha(picture):
        return None
    present = np.flatnonzero(np.bincount(indices.ravel(), minlength=1))
    palette = np.zeros((256, 3), np.uint8)
    stored = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    palette[: len(stored)] = stored
    colours = palette[present]
    brightness = palette.astype(np.int64).sum(axis=1)
    if present[0] != 0 or brightness[0] <= brightness[present].min():
        return indices
    if (colours == colours[:, :1]).all():
        return None
    black = brightness == 0
    if not black[present].any():
        raise DataError(
            f"its palette has index 0 in {tuple(palette[0].tolist())} and no black background; "
            "save it with black as index 0"
        )
    # Index 0 is an object here, so labels are counted anew.
    labels = np.zeros(256, np.uint8)
    kept = [index for index in present if not black[index]]
    labels[kept] = [VOID if index == VOID else place for place, index in enumerate(kept, 1)]
    return labels[indices]


def holds_shape_in_alpha(picture: Image.Image) -> bool:
    """Whether some pixels are transparent and others are not."""
    return picture.has_transparency_data and len(set(alpha_of(picture).getextrema())) > 1


def alpha_of(picture: Image.Image) -> Image.Image:
    """Opacity of a picture that has transparency."""
    return picture.convert("RGBA").getchannel("A")


def visible(picture: Image.Image) -> NDArray[np.uint8]:
    """Colours [H, W, 3], black where the picture is transparent.

    Where what is visible has one colour alone, the shape is held in the opacity, which stands for
    the colours then.
    """
    colours = np.array(picture.convert("RGB"))
    if not holds_shape_in_alpha(picture):
        return colours
    alpha = np.asarray(alpha_of(picture))
    seen = colours[alpha > 0]
    if (seen == seen[0]).all():
        return np.repeat(alpha[..., None], 3, axis=2)
    colours[alpha == 0] = 0
    return colours


def grey_values(picture: Image.Image) -> NDArray[np.uint8]:
    """Pixel values [H, W] of a picture without colours; see `visible` for transparency.

    Raises:
        DataError: it has colours, or more than 8 bits.
    """
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture)
        if picture.mode == "F" or values.min() < 0 or values.max() > VOID:
            raise DataError("it has values outside 0..255; save it with 8 bits")
        return values.astype(np.uint8)
    colours = visible(picture)
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
        path: path of the file.
        size: width and height of its photo.
        reading: reads the opened picture.

    Raises:
        DataError: it is missing, damaged, of another size, or without meaning.
    """
    try:
        with photo_file(path) as file, opened_photo(file, str(path)) as picture:
            if size not in (picture.size, picture.size[::-1]):
                raise of_another_size(picture.size, size)
            upright = turned(picture, size)
            if upright.size != size:
                raise of_another_size(upright.size, size)
            return reading(upright)
    except (DataError, ImageError) as error:
        raise DataError(f"mask {path} cannot be used: {error}") from error


def of_another_size(found: tuple[int, int], size: tuple[int, int]) -> DataError:
    """The error for a mask that does not fit its photo."""
    return DataError(f"it is {found[0]}x{found[1]}, its photo {size[0]}x{size[1]}")


def mask_size(path: Path) -> tuple[int, int]:
    """Width and height of a mask file as it is shown.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return photo_size(path)
    except ImageError as error:
        raise DataError(f"mask {path} cannot be used: {error}") from error


def read_objects(
    path: Path, size: tuple[int, int], reading: Reading
) -> tuple[list[Annotation], RleMask | None]:
    """The objects in a mask file, and what it says to ignore.

    Raises:
        DataError: see `load_mask`.
    """
    return load_mask(path, size, lambda picture: _encoded(reading(picture), path, size))


def _encoded(
    layers: Layers, path: Path, size: tuple[int, int]
) -> tuple[list[Annotation], RleMask | None]:
    annotations = [
        Annotation(
            MatteFile(path, size) if layers.is_matte else encode_rle(mask),
            int(np.count_nonzero(mask)),
            "whole",
        )
        for mask in layers.objects
        if mask.any()
    ]
    if layers.ignore is None or not layers.ignore.any():
        return annotations, None
    return annotations, encode_rle(layers.ignore)
