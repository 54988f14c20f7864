"""The one way to read a photo: turning, transparency, limits, containers."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from squeezesam import image_io
from squeezesam.data.records import AnnotatedImage, FilePhoto
from squeezesam.errors import DataError, ImageError, MissingDependencyError
from squeezesam.image_io import photo_size, read_photo

SHOWN = np.zeros((24, 48, 3), np.uint8)
SHOWN[:8, :16] = (255, 0, 0)
SHOWN[16:, 40:] = (0, 0, 255)
STORED = np.ascontiguousarray(np.rot90(SHOWN, 1))
"""As a camera stores it with orientation 6."""


def png(width: int, height: int, depth: int, colour: int, rows: list[bytes], **chunks: bytes):
    """A PNG file, chunk by chunk; `chunks` stand before the pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(name.encode(), content) for name, content in chunks.items()]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *parts, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


def exif_with(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    """EXIF of orientation 6 and other tags, each (tag, type, count, value or offset)."""
    tags = sorted([(0x0112, 3, 1, 6 if order == "<" else 6 << 16), *entries])
    start = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(order + "HHII", *tag) for tag in tags)
    head = start + struct.pack(order + "I", 8) + struct.pack(order + "H", len(tags))
    return b"Exif\0\0" + head + body + bytes(4)


MALFORMED = {
    "rational without a value": [(0x011A, 5, 1, 0xFFFFFF)],
    "resolution as text": [(0x011A, 2, 4, 0x41424344)],
    "short of huge count": [(0x0213, 3, 0x7FFFFFFF, 8)],
    "signed rational": [(0x9201, 10, 1, 2)],
    "unknown type": [(0x0132, 77, 3, 1)],
    "directory in itself": [(0x8769, 4, 1, 8)],
    "directory outside": [(0x8825, 4, 1, 0x7FFFFFFF)],
    "maker note": [(0x927C, 7, 0xFFFFFF, 30)],
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tags", MALFORMED.values(), ids=MALFORMED.keys())
def test_other_exif_tags_do_not_keep_a_photo_from_being_turned(tmp_path, tags, order):
    path = tmp_path / "a.jpg"
    Image.fromarray(STORED).save(path, exif=exif_with(*tags, order=order), quality=100)
    photo = read_photo(path)
    assert photo.shape == SHOWN.shape
    assert np.abs(photo.astype(int) - SHOWN).mean() < 5
    assert photo_size(path) == (48, 24)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_without_meaning_turn_nothing(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(SHOWN).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), SHOWN)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_with_masks_are_turned_as_alone(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(STORED).save(
        path, exif=exif, **({"lossless": True} if suffix == "webp" else {})
    )
    alone = read_photo(path)
    image = AnnotatedImage("a", FilePhoto(path), alone.shape[1], alone.shape[0], ())
    np.testing.assert_array_equal(image.pixels(), alone)
    assert photo_size(path) == (alone.shape[1], alone.shape[0])


def test_masks_of_the_stored_size_alone_leave_the_photo_as_stored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.png"
    Image.fromarray(STORED).save(path, exif=exif)
    stored = AnnotatedImage("a", FilePhoto(path), STORED.shape[1], STORED.shape[0], ())
    np.testing.assert_array_equal(stored.pixels(), STORED)
    with pytest.raises(DataError, match="its masks are 48x25"):
        AnnotatedImage("a", FilePhoto(path), 48, 25, ()).pixels()


def test_a_photo_without_orientation_does_not_fit_swapped_masks(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(STORED).save(path)
    with pytest.raises(DataError, match="is 24x48, its masks are 48x24"):
        AnnotatedImage("a", FilePhoto(path), 48, 24, ()).pixels()


@pytest.mark.parametrize(
    ("depth", "key", "row", "expected"),
    [
        (1, 1, b"\x40", [0, 255]),
        (1, 0, b"\x40", [255, 255]),
        (2, 2, b"\x60", [85, 255]),
        (4, 3, b"\x23", [34, 255]),
        (8, 7, b"\x06\x07", [6, 255]),
        (16, 0x0107, b"\x01\x06\x01\x07", [1, 255]),
        (16, 0, b"\x00\x01\x00\x00", [0, 255]),
    ],
)
def test_transparent_grey_of_any_depth_lies_on_white(tmp_path, depth, key, row, expected):
    path = tmp_path / "a.png"
    path.write_bytes(png(2, 1, depth, 0, [row], tRNS=struct.pack(">H", key)))
    assert read_photo(path)[0, :, 0].tolist() == expected


def test_transparent_colour_of_16_bits_takes_both_bytes(tmp_path):
    path = tmp_path / "a.png"
    row = struct.pack(">6H", 0x0102, 0x0304, 0x0506, 0x0102, 0x0304, 0x0507)
    key = struct.pack(">3H", 0x0102, 0x0304, 0x0506)
    path.write_bytes(png(2, 1, 16, 2, [row], tRNS=key))
    assert read_photo(path).tolist() == [[[255, 255, 255], [1, 3, 5]]]


def test_half_transparent_palette_lies_on_white(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(3, 1, 8, 3, [b"\0\1\2"], PLTE=bytes(6) + b"\x09" * 3, tRNS=b"\0\x33"))
    assert read_photo(path)[0, :, 0].tolist() == [255, 204, 9]


def test_16_bit_rgb_keeps_its_high_bytes(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(1, 1, 16, 2, [b"\x12\xff\x34\x00\xff\xff"]))
    assert read_photo(path).tolist() == [[[0x12, 0x34, 0xFF]]]


def test_16_bit_grey_tiff_with_white_as_zero(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], np.uint16)).save(path, tiffinfo={262: 0})
    assert read_photo(path)[0, :, 0].tolist() == [255, 127, 0]


def container(name: bytes, content: bytes) -> bytes:
    """An ICNS file, or an ICO file of one PNG."""
    if name == b"icns":
        size = len(content) + 8
        return b"icns" + struct.pack(">I", size + 8) + b"ic10" + struct.pack(">I", size) + content
    entry = struct.pack("<BBBBHHII", 32, 32, 0, 0, 1, 32, len(content), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + content


@pytest.mark.parametrize("name", [b"icns", b"ico"])
def test_icons_are_not_decoded(tmp_path, name, monkeypatch):
    buffer = io.BytesIO()
    Image.new("1", (64, 64)).save(buffer, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(container(name, buffer.getvalue()))
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="known format"):
        read_photo(path)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "JPEG2000", "GIF", "TIFF", "AVIF", "BMP"])
def test_limits_come_before_the_pixels(tmp_path, format_, monkeypatch):
    path = tmp_path / "a"
    Image.new("RGB", (64, 32)).save(path, format_)
    monkeypatch.setattr(image_io, "MAX_PHOTO_PIXELS", 64 * 32 - 1)
    monkeypatch.setattr(image_io, "LOWER_LIMITS", {})
    monkeypatch.setattr("squeezesam.image_io.rgb_pixels", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="megapixels"):
        read_photo(path)


def test_progressive_jpegs_have_a_lower_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(image_io, "PROGRESSIVE_LIMIT", 64 * 32 - 1)
    for progressive in (False, True):
        Image.new("RGB", (64, 32)).save(tmp_path / "a.jpg", progressive=progressive)
        if progressive:
            with pytest.raises(ImageError, match="megapixels"):
                read_photo(tmp_path / "a.jpg")
        else:
            assert read_photo(tmp_path / "a.jpg").shape == (32, 64, 3)


def test_sides_are_limited(tmp_path):
    path = tmp_path / "a.png"
    Image.new("1", (70_000, 2)).save(path)
    with pytest.raises(ImageError, match="no side may exceed"):
        read_photo(path)


def test_pipes_and_impossible_names_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", tmp_path / ("x" * 300), Path("a\0b"), Path("/dev/zero")):
        with pytest.raises(ImageError):
            read_photo(path)


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(Image.fromarray(SHOWN)).save(path, quality=-1)
    photo = read_photo(path)
    assert photo.shape == SHOWN.shape
    assert np.abs(photo.astype(int) - SHOWN).mean() < 10


def test_heic_is_turned_by_its_own_property_not_by_exif(tmp_path):
    """As the standard says; the decoder has turned the pixels when EXIF is looked at."""
    pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    image_io.register_heif()
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.heic"
    Image.fromarray(SHOWN).save(path, "HEIF", exif=exif, quality=-1)
    assert read_photo(path).shape == SHOWN.shape
    assert photo_size(path) == (48, 24)


def test_heic_without_the_extra_names_it(tmp_path, monkeypatch):
    def absent():
        raise ImportError("pillow_heif")

    monkeypatch.setattr(image_io, "register_heif", absent)
    path = tmp_path / "a.heic"
    path.write_bytes(struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(99))
    with pytest.raises(MissingDependencyError, match=r"squeezesam\[heif\]"):
        read_photo(path)
    with pytest.raises(MissingDependencyError, match=r"squeezesam\[heif\]"):
        AnnotatedImage("a", FilePhoto(path), 4, 4, ()).pixels()
