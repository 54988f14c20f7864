"""Photos in, pictures out.

One way to read a photo serves the command line, data sets, calibration and everything else: every
format of `PHOTO_FORMATS` becomes upright 8-bit RGB (`photo_pixels.py`), and an animation gives its
first frame. Sizes are checked as the file declares them, before any pixel is decoded. Icon files
(ICO, ICNS) are not among the formats: Pillow decodes the pictures inside while it opens them.
"""

import functools
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from squeezesam.errors import ImageError, MissingDependencyError, OutputError, SqueezeSamError
from squeezesam.files import PathLike, whole_file
from squeezesam.photo_pixels import rgb_pixels, shown_size
from squeezesam.picture_strips import JPEG_QUALITY, StripPicture

PHOTO_FORMATS = (
    "JPEG",
    "PNG",
    "WEBP",
    "AVIF",
    "TIFF",
    "BMP",
    "GIF",
    "PPM",
    "JPEG2000",
)
"""Names in Pillow, which takes MPO as JPEG; HEIF comes with the extra `heif`."""

MAX_PHOTO_PIXELS = 70_000_000
"""Larger photos are refused, so that reading one takes at most 500 MB: Pillow keeps 4 bytes of each
pixel, and the RGB array has 3."""

MAX_PHOTO_BYTES = 220_000_000
"""Larger files are refused; an uncompressed photo of MAX_PHOTO_PIXELS has so many bytes."""

MAX_PHOTO_SIDE = 65_535
"""In pixels; what JPEG can declare."""

LOWER_LIMITS = {
    "WEBP": 25_000_000,
    "JPEG2000": 20_000_000,
    "AVIF": 50_000_000,
    "HEIF": 50_000_000,
}
"""Pixels of formats whose decoders need 8 to 20 bytes for each, where others need 4."""

PROGRESSIVE_LIMIT = 45_000_000
"""Pixels of a progressive JPEG, whose decoder keeps all coefficients: up to 6 bytes for each."""

HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
BRANDS_END = 64
"""Bytes of a file in which its brands stand."""

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}

STDOUT = Path("-")
"""As the place of a picture: standard output, as PNG."""

Photo = NDArray[np.uint8] | Image.Image | PathLike
"""What predictors take: RGB pixels [H, W, 3], a Pillow image of any mode, or the path of a file.
A tensor on the CPU is taken as an array is."""


def as_photo(photo: Photo) -> NDArray[np.uint8]:
    """Any form of a photo as pixels: [H, W, 3] RGB.

    A Pillow image is read as its file would be: turned upright, transparency laid on white.

    Raises:
        ImageError: no photo in one of these forms, or the file or image cannot be read.
    """
    if isinstance(photo, str | os.PathLike):
        return read_photo(photo)
    if isinstance(photo, Image.Image):
        photo = _pillow_pixels(photo)
    elif hasattr(photo, "__array__") and not isinstance(photo, np.ndarray):
        photo = _array_of(photo)
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8:
        kind = getattr(photo, "dtype", type(photo).__name__)
        raise ImageError(
            f"the image must be a uint8 array, got {kind}; scale it to 0..255, or give a Pillow "
            "image or a path"
        )
    if photo.ndim != 3 or photo.shape[2] != 3 or not photo.size:
        shape = "x".join(map(str, photo.shape)) or "a single number"
        raise ImageError(f"the image must have shape HxWx3, got {shape}; convert it to RGB")
    return photo


def _array_of(tensor: Any) -> NDArray[Any]:
    """The values of what is no array but can be one, such as a tensor on the CPU.

    Raises:
        ImageError: it cannot.
    """
    try:
        return np.asarray(tensor)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ImageError(f"the image is no array ({reason}); give one of uint8") from error


def _pillow_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of a Pillow image [H, W, 3], which stays as it is."""
    name = "the Pillow image"
    try:
        check_size(image)
        return rgb_pixels(image)
    except ImageError as error:
        raise ImageError(f"{name} {error}") from error
    except Exception as error:  # a file that was only opened is decoded now; see `opened_photo`
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name} cannot be decoded ({reason}); save it again") from error


def read_photo(path: PathLike) -> NDArray[np.uint8]:
    """Read a photo upright: [H, W, 3] RGB.

    Raises:
        ImageError: missing, damaged, not an image, too large, or of float pixels.
        MissingDependencyError: it is HEIC or HEIF, and the extra `heif` is not installed.
    """
    with photo_file(path) as file, opened_photo(file, str(path)) as image:
        return rgb_pixels(image, file)


def photo_size(path: PathLike) -> tuple[int, int]:
    """Width and height of a photo as it is shown.

    Raises:
        ImageError, MissingDependencyError: as `read_photo` does.
    """
    with photo_file(path) as file, opened_photo(file, str(path)) as image:
        return shown_size(image)


@contextmanager
def photo_file(path: PathLike) -> Iterator[BinaryIO]:
    """The opened file of a photo.

    Raises:
        ImageError: it is missing, a directory, no regular file, or may not be read.
    """
    path = Path(path)
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise ImageError(f"{path} is a directory; name one photo")
        if not stat.S_ISREG(kind):
            raise ImageError(f"{path} is a pipe or a device; name the file of a photo")
        file = path.open("rb")
    except ImageError:  # which is a ValueError too
        raise
    except FileNotFoundError as error:
        raise ImageError(f"no photo {path}; check the name") from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read; change its permissions") from error
    except (OSError, ValueError) as error:  # Such as a name that is too long, or has a zero byte.
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImageError(f"{path} cannot be read ({reason}); check the name") from error
    with file:
        yield file


@contextmanager
def opened_photo(file: BinaryIO, name: str) -> Iterator[Image.Image]:
    """A picture whose size is within the limits and whose pixels are not decoded yet.

    What goes wrong inside the block, while they are decoded, becomes an ImageError too.

    Args:
        file: the encoded picture.
        name: for messages.

    Raises:
        ImageError: damaged, not an image, too large, or of float pixels.
        MissingDependencyError: it is HEIC or HEIF, and the extra `heif` is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of sizes that the limit below allows, and of damaged metadata.
            warnings.simplefilter("ignore")
            formats = (*PHOTO_FORMATS, "HEIF") if _is_heif(file, name) else PHOTO_FORMATS
            with Image.open(file, formats=formats) as image:
                check_size(image)
                yield image
    except ImageError as error:
        raise ImageError(f"{name} {error}") from error
    except SqueezeSamError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is not an image of a known format; give a JPEG, PNG or the like"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} {too_large(MAX_PHOTO_PIXELS)}") from error
    except Exception as error:
        # On a damaged file the decoders raise nearly anything: OSError, SyntaxError, struct.error.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name} is damaged ({reason}); save or download it again") from error


def _is_heif(file: BinaryIO, name: str) -> bool:
    """Whether a file is HEIC or HEIF, which Pillow then knows how to read.

    Raises:
        MissingDependencyError: it is, and the extra `heif` is not installed.
    """
    start = file.read(BRANDS_END)
    file.seek(0)
    brands = start[8 : int.from_bytes(start[:4], "big")]
    if start[4:8] != b"ftyp" or brands[:4] not in HEIF_BRANDS or b"avif" in brands:
        return False
    try:
        register_heif()
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} is HEIC or HEIF, which needs pillow-heif; pip install 'squeezesam[heif]'"
        ) from error
    return True


@functools.cache
def register_heif() -> None:
    """Teach Pillow HEIC and HEIF.

    Raises:
        ImportError: pillow-heif is not installed.
    """
    from pillow_heif import register_heif_opener

    register_heif_opener()


def check_size(image: Image.Image) -> None:
    """Refuse a picture of too many pixels before they are decoded.

    Raises:
        ImageError: it exceeds a limit; the message lacks the name.
    """
    limit = LOWER_LIMITS.get(image.format or "", MAX_PHOTO_PIXELS)
    if image.info.get("progressive"):
        limit = min(limit, PROGRESSIVE_LIMIT)
    if image.width * image.height > limit:
        raise ImageError(too_large(limit))
    if max(image.size) > MAX_PHOTO_SIDE:
        raise ImageError(
            f"is {image.width}x{image.height} pixels; no side may exceed {MAX_PHOTO_SIDE}"
        )


def too_large(limit: int) -> str:
    """The complaint about a picture beyond a limit in pixels."""
    return f"has more than {limit // 1_000_000} megapixels; shrink it first"


def write_image(image: Image.Image | StripPicture | NDArray[np.uint8], path: PathLike) -> None:
    """Write a picture, whole or not at all, in the format that the suffix names.

    Args:
        image: a Pillow image, a picture in strips, or grey [H, W], RGB [H, W, 3] or RGBA [H, W, 4].
        path: a .png file, or .jpg or .jpeg for RGB, or STDOUT.

    Raises:
        OutputError: the suffix does not suit the picture, or the place cannot be written to.
    """
    path = Path(path)
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    check_format(path, image.mode)
    if path == STDOUT:
        _save(image, sys.stdout.buffer, "PNG")
        sys.stdout.buffer.flush()
        return
    with whole_file(path) as partial, partial.open("wb") as file:
        _save(image, file, FORMATS[path.suffix.lower()])


def _save(image: Image.Image | StripPicture, file: BinaryIO, kind: str) -> None:
    if isinstance(image, StripPicture):
        image.save(file, kind)
    else:
        image.save(file, kind, quality=JPEG_QUALITY)


def check_format(path: Path, mode: str) -> None:
    """See that a picture of Pillow mode `mode` can be kept without loss of meaning.

    Raises:
        OutputError: unknown suffix, JPEG for a mask or for transparency, or a terminal for STDOUT.
    """
    if path == STDOUT:
        if sys.stdout.isatty():
            raise OutputError("a picture is no text for a terminal; redirect it, or name a file")
        return
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        found = f"the suffix {path.suffix} is unknown" if path.suffix else "it has no suffix"
        raise OutputError(f"cannot write {path}: {found}; use .png")
    if kind == "JPEG" and mode != "RGB":
        raise OutputError(
            f"cannot write {path}: JPEG blurs masks and has no transparency; use .png"
        )
