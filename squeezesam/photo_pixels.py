"""From an opened picture of any mode to upright 8-bit RGB.

16-bit grey keeps its high byte, transparency is laid on white. Float pixels have no agreed range
and are refused rather than guessed.
"""

from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffImagePlugin

from squeezesam.errors import ImageError

Pixels = NDArray[np.uint8]

UPRIGHT = 1

STRIP_ROWS = 16
"""Rows of a photo that are converted at once; of 12 megapixels they stay in the processor's cache,
and the memory of an intermediate form does not depend on the photo's size."""

STORED_VIEWS: dict[int, Callable[[Pixels], Pixels]] = {
    UPRIGHT: lambda shown: shown,
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: shown[::-1, ::-1],
    4: lambda shown: shown[::-1],
    5: lambda shown: shown.swapaxes(0, 1),
    6: lambda shown: np.rot90(shown, 1),
    7: lambda shown: shown[::-1, ::-1].swapaxes(0, 1),
    8: lambda shown: np.rot90(shown, -1),
}
"""How the pixels of the file lie in the upright picture, by EXIF orientation."""

TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How Pillow turns a picture of any mode upright, by EXIF orientation."""

SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations at which width and height change places."""

GREY_SCALES = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies grey values of few bits by; it leaves the transparent value as it is."""

HIGH_BYTES, LOW_BYTES = "RGB;16B", "RGB;16L"
"""Pillow's unpackers of 16-bit RGB keep the first and the second byte of each value."""

WHITE, BYTE_BITS = 255, 8


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation of an opened picture, 1 where it has none or one without meaning.

    Only this one tag is taken, so that damage in others does no harm. TIFF files are turned by
    Pillow itself.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return UPRIGHT
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except Exception:
        # Damaged EXIF raises nearly anything; the pixels are none the worse for it.
        return UPRIGHT
    return int(orientation) if orientation in tuple(STORED_VIEWS) else UPRIGHT


def shown_size(image: Image.Image) -> tuple[int, int]:
    """Width and height at which an opened picture is shown."""
    width, height = image.size
    return (height, width) if orientation_of(image) in SIDEWAYS else (width, height)


def turn_for(image: Image.Image, size: tuple[int, int] | None) -> int:
    """The EXIF orientation by which a picture is to be turned.

    Args:
        image: decoded.
        size: width and height of what belongs to it, such as its masks. A picture that has this
            size as stored, but not as shown, is left as stored.
    """
    orientation = orientation_of(image)
    fits_only_stored = size is not None and image.size == size and shown_size(image) != size
    return UPRIGHT if fits_only_stored else orientation


def turned(image: Image.Image, size: tuple[int, int] | None = None) -> Image.Image:
    """A picture of any mode decoded and turned as it is shown; see `turn_for`."""
    image.load()
    orientation = turn_for(image, size)
    return image if orientation == UPRIGHT else image.transpose(TRANSPOSITIONS[orientation])


def rgb_pixels(
    image: Image.Image, file: BinaryIO | None = None, size: tuple[int, int] | None = None
) -> Pixels:
    """Decode an opened picture as upright RGB: [H, W, 3].

    Args:
        image: an image of any mode.
        file: the file that it is read from, for what Pillow leaves out.
        size: see `turn_for`.

    Raises:
        ImageError: its pixels have no defined meaning as 8-bit colours; the message lacks the
            picture's name.
        Exception: it is damaged; the decoders raise nearly anything.
    """
    raw_mode = _raw_mode(image)
    key = image.info.get("transparency")
    if isinstance(key, int) and raw_mode in GREY_SCALES:
        image.info["transparency"] = key * GREY_SCALES[raw_mode]
    wide_key = key if raw_mode == HIGH_BYTES and isinstance(key, tuple) else None
    low_match = None if file is None or wide_key is None else _low_match(file, wide_key)
    image.load()
    if image.mode == "F":
        raise ImageError("has float pixels of unknown range; save it with 8 or 16 bits")
    orientation = turn_for(image, size)
    width, height = image.size[::-1] if orientation in SIDEWAYS else image.size
    shown = np.empty((height, width, 3), np.uint8)
    stored = STORED_VIEWS[orientation](shown)
    for top in range(0, image.height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, image.height)
        box = (0, top, image.width, bottom)
        strip = image.crop(box)
        if low_match is None or wide_key is None:
            stored[top:bottom] = _rgb(strip, image)
        else:
            stored[top:bottom] = _without_key(strip, low_match[top:bottom], wide_key)
    return shown


def _rgb(strip: Image.Image, image: Image.Image) -> NDArray[np.uint8]:
    """Rows of a picture as RGB: [H, W, 3], or [H, W, 1] for grey."""
    if strip.mode.startswith("I"):
        return _grey_of_16_bits(np.asarray(strip), image)[..., None]
    if strip.has_transparency_data:
        strip = strip.convert("RGBA")
        canvas = Image.new("RGB", strip.size, "white")
        canvas.paste(strip, mask=strip)
        return np.asarray(canvas)
    return np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))


def _grey_of_16_bits(grey: NDArray[np.generic], image: Image.Image) -> NDArray[np.uint8]:
    """16-bit grey as 8-bit grey, whatever integer type holds it.

    Raises:
        ImageError: a value lies outside 0..65535.
    """
    if grey.min() < 0 or grey.max() > 0xFFFF:
        raise ImageError("has grey values outside 0..65535; save it with 8 or 16 bits")
    values = grey.astype(np.uint16)
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (16,))[0] if image.mode != "I" else 16
    shown = (values >> max(bits - BYTE_BITS, 0)).astype(np.uint8)
    if image.mode != "I" and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        shown = WHITE - shown
    key = image.info.get("transparency")
    return np.where(values == key, np.uint8(WHITE), shown) if isinstance(key, int) else shown


def _raw_mode(image: Image.Image) -> object:
    """Name of Pillow's unpacker for a PNG file that is not decoded yet."""
    tiles = getattr(image, "tile", ())
    return tiles[0].args if image.format == "PNG" and tiles else None


def _low_match(file: BinaryIO, key: tuple[int, ...]) -> Pixels:
    """Where the low bytes of a PNG file of 16-bit RGB are those of the transparent colour.

    Pillow itself gives the high bytes. The file is decoded twice, one time after the other, since
    both decoded pictures together would exceed the memory that a photo may take.

    Returns:
        One bit for each pixel: [H, W / 8], rounded up.
    """
    file.seek(0)
    with Image.open(file, formats=("PNG",)) as image:
        image.tile = [tile._replace(args=LOW_BYTES) for tile in image.tile]
        image.load()
        low = [value & 0xFF for value in key]
        match = np.empty((image.height, -(-image.width // BYTE_BITS)), np.uint8)
        for top in range(0, image.height, STRIP_ROWS):
            bottom = min(top + STRIP_ROWS, image.height)
            rows = np.asarray(image.crop((0, top, image.width, bottom)).convert("RGB"))
            match[top:bottom] = np.packbits((rows == low).all(axis=2), axis=1)
    file.seek(0)
    return match


def _without_key(high: Image.Image, low_match: Pixels, key: tuple[int, ...]) -> Pixels:
    """Rows of 16-bit RGB, [H, W, 3], with the transparent colour laid on white."""
    shown = np.array(high.convert("RGB"))
    matches = np.unpackbits(low_match, axis=1, count=high.width).astype(bool)
    shown[matches & (shown == [value >> BYTE_BITS for value in key]).all(axis=2)] = WHITE
    return shown
