"""Photos in, pictures out.

Every format that Pillow knows becomes upright 8-bit RGB: 16-bit grey keeps its high byte,
transparency is laid on white, an animation gives its first frame. Float pixels have no agreed range
and are refused rather than guessed.
"""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from squeezesam.errors import ImageError, OutputError
from squeezesam.files import whole_file

MAX_PHOTO_PIXELS = 100_000_000
"""Larger photos are refused, so that memory stays bounded."""

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
JPEG_QUALITY = 85

STRIP_ROWS = 16
"""Rows of a photo that are copied at once; of 12 megapixels they stay in the processor's cache."""


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Read a photo upright: [H, W, 3] RGB.

    Raises:
        ImageError: missing, damaged, not an image, too large, or of float pixels.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of sizes that the limit below allows, and of damaged metadata.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                check_size(path, image)
                return pixels_of(upright_rgb(path, image))
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"no photo {path}; check the name") from error
    except IsADirectoryError as error:
        raise ImageError(f"{path} is a directory; name one photo") from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read; change its permissions") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image; give a JPEG, PNG or the like") from error
    except Image.DecompressionBombError as error:
        raise too_large(path) from error
    except Exception as error:
        # On a damaged file the decoders raise nearly anything: OSError, SyntaxError, struct.error.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{path} is damaged ({reason}); save or download it again") from error


def check_size(path: Path, image: Image.Image) -> None:
    """Refuse a photo of too many pixels before they are decoded.

    Raises:
        ImageError: it has more than MAX_PHOTO_PIXELS.
    """
    if image.width * image.height > MAX_PHOTO_PIXELS:
        raise too_large(path)


def too_large(path: Path) -> ImageError:
    """The error for a photo beyond the limit."""
    limit = MAX_PHOTO_PIXELS // 1_000_000
    return ImageError(f"{path} has more than {limit} megapixels; shrink it first")


def upright_rgb(path: Path, image: Image.Image) -> Image.Image:
    """Decode an opened image of any mode as RGB, turned as its EXIF orientation says.

    Raises:
        ImageError: its pixels have no defined meaning as 8-bit colours.
    """
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F":
        raise ImageError(f"{path} has float pixels of unknown range; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        return Image.fromarray(high_byte(path, np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(image, mask=image)
        return canvas
    return image if image.mode == "RGB" else image.convert("RGB")  # which copies in any case


def pixels_of(rgb: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an RGB image: [H, W, 3].

    numpy would take them as two copies of all bytes, which lasts as long as decoding them.
    """
    pixels = np.empty((rgb.height, rgb.width, 3), np.uint8)
    for top in range(0, rgb.height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, rgb.height)
        pixels[top:bottom] = np.asarray(rgb.crop((0, top, rgb.width, bottom)))
    return pixels


def high_byte(path: Path, grey: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16-bit grey as 8-bit grey, whatever integer type holds it.

    Raises:
        ImageError: a value lies outside 0..65535.
    """
    if grey.min() < 0 or grey.max() > 0xFFFF:
        raise ImageError(f"{path} has grey values outside 0..65535; save it with 8 or 16 bits")
    return (grey.astype(np.uint16) >> 8).astype(np.uint8)


def write_image(image: Image.Image | NDArray[np.uint8], path: Path) -> None:
    """Write a picture, whole or not at all, in the format that the suffix names.

    Args:
        image: a Pillow image, or grey [H, W], RGB [H, W, 3] or RGBA [H, W, 4].
        path: a .png file, or .jpg or .jpeg for RGB.

    Raises:
        OutputError: the suffix does not suit the picture, or the place cannot be written to.
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    check_format(path, image.mode)
    with whole_file(path) as partial:
        image.save(partial, format=FORMATS[path.suffix.lower()], quality=JPEG_QUALITY)


def check_format(path: Path, mode: str) -> None:
    """See that a picture of Pillow mode `mode` can be kept without loss of meaning.

    Raises:
        OutputError: unknown suffix, or JPEG for a mask or for transparency.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"cannot write {path}: {path.suffix or 'no suffix'} is unknown; use .png")
    if kind == "JPEG" and mode != "RGB":
        raise OutputError(
            f"cannot write {path}: JPEG blurs masks and has no transparency; use .png"
        )
