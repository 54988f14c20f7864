"""Pictures that are drawn and written a few rows at a time.

A photo of 70 megapixels takes 210 MB and a Pillow image of the same size 280 MB more. Strips of it
take a few megabytes. Pillow encodes each strip, and the encoded strips are joined to a file whose
pixels are those of the whole picture encoded at once.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRIP_ROWS = 128
"""Rows of a strip, a multiple of JPEG_ROWS; the widest strip of JPEG has fewer than 65,536 blocks,
the most that can stand between two restart markers."""

JPEG_ROWS = 16
"""Rows of a block of JPEG whose colours have half the resolution."""

JPEG_QUALITY = 85
START_OF_FRAME, START_OF_SCAN, RESTART = 0xC0, 0xDA, 0xD0
RESTART_MARKERS = 8
END_OF_IMAGE = b"\xff\xd9"

PNG_COLOURS = {"RGB": 2, "RGBA": 6}
"""Colour type in a PNG file, by Pillow's mode."""

PNG_START, PNG_DEPTH, ZLIB_MEMORY = b"\x89PNG\r\n\x1a\n", 8, 9


@dataclass(frozen=True)
class StripPicture:
    """A picture that is drawn when its rows are asked for.

    Attributes:
        width: in pixels.
        height: in pixels.
        mode: Pillow's, RGB or RGBA.
        draw: gives the rows from the first number up to, without, the second.
    """

    width: int
    height: int
    mode: str
    draw: Callable[[int, int], Image.Image]

    def whole(self) -> Image.Image:
        """All of it at once."""
        return self.draw(0, self.height)

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> Self:
        """RGB pixels [H, W, 3] as they are."""
        height, width, _ = pixels.shape
        return cls(width, height, "RGB", lambda top, bottom: Image.fromarray(pixels[top:bottom]))

    def save(self, file: BinaryIO, kind: str, quality: int = JPEG_QUALITY) -> None:
        """Write it to an opened file.

        Args:
            file: to write to.
            kind: "PNG", or "JPEG" for RGB.
            quality: of a JPEG file, as Pillow has it.

        Raises:
            OSError: the file cannot be written to.
        """
        parts = _jpeg_parts(self, quality) if kind == "JPEG" else _png_parts(self)
        for part in parts:
            file.write(part)


def _jpeg_parts(picture: StripPicture, quality: int) -> Iterator[bytes]:
    """The bytes of a JPEG file: each strip is all that lies between two restart markers."""
    for number, top in enumerate(range(0, picture.height, STRIP_ROWS)):
        strip = picture.draw(top, min(top + STRIP_ROWS, picture.height))
        buffer = io.BytesIO()
        rows = STRIP_ROWS // JPEG_ROWS
        strip.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", restart_marker_rows=rows)
        head, scan = _jpeg_head_and_scan(buffer.getvalue(), picture.height)
        yield bytes([0xFF, RESTART + (number - 1) % RESTART_MARKERS]) if number else head
        yield scan
    yield END_OF_IMAGE


def _jpeg_head_and_scan(jpeg: bytes, height: int) -> tuple[bytes, bytes]:
    """What stands before the pixels of a JPEG file, with another height, and the pixels."""
    head, at, marker = bytearray(jpeg), 2, 0
    while marker != START_OF_SCAN:
        marker, (length,) = jpeg[at + 1], struct.unpack_from(">H", jpeg, at + 2)
        if marker == START_OF_FRAME:
            struct.pack_into(">H", head, at + 5, height)
        at += 2 + length
    return bytes(head[:at]), jpeg[at : -len(END_OF_IMAGE)]


def _png_parts(picture: StripPicture) -> Iterator[bytes]:
    """The bytes of a PNG file: Pillow filters the rows of each strip, one stream holds them all."""
    colour = PNG_COLOURS[picture.mode]
    header = struct.pack(">IIBBBBB", picture.width, picture.height, PNG_DEPTH, colour, 0, 0, 0)
    yield PNG_START + _png_chunk(b"IHDR", header)
    deflate = zlib.compressobj(memLevel=ZLIB_MEMORY, strategy=zlib.Z_FILTERED)
    for top in range(0, picture.height, STRIP_ROWS):
        above = min(top, 1)  # The first row is filtered by the one above it, which was written.
        strip = picture.draw(top - above, min(top + STRIP_ROWS, picture.height))
        buffer = io.BytesIO()
        strip.save(buffer, "PNG", compress_level=0)
        rows = _png_rows(buffer.getvalue())
        packed = deflate.compress(memoryview(rows)[above * (len(rows) // strip.height) :])
        if packed:
            yield _png_chunk(b"IDAT", packed)
    yield _png_chunk(b"IDAT", deflate.flush()) + _png_chunk(b"IEND", b"")


def _png_chunk(name: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def _png_rows(png: bytes) -> bytes:
    """The filtered rows of a PNG file."""
    packed, at = bytearray(), len(PNG_START)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += 12 + length  # Its length, its name and its checksum take four bytes each.
    return zlib.decompress(packed)
