"""Photos of every mode and state of damage, and pictures out."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from squeezesam.errors import ImageError, OutputError
from squeezesam.image_io import read_photo, write_image
from squeezesam.photo_pixels import rgb_pixels

ORIENTATION = 0x0112


def save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def gradient(width: int = 40, height: int = 30) -> Image.Image:
    across = np.linspace(0, 255, width, dtype=np.uint8)
    down = np.linspace(0, 255, height, dtype=np.uint8)
    red, green = np.meshgrid(across, down)
    return Image.fromarray(np.stack([red, green, 255 - red], axis=2))


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    image = gradient()
    photo = read_photo(save(image, tmp_path / "a.png"))
    assert photo.dtype == np.uint8
    assert np.array_equal(photo, np.asarray(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((24, 48, 3), np.uint8)
    upright[:8, :16] = (255, 0, 0)
    # What a camera stores for each orientation, by the definition of the tag: the side on which
    # row 0 and column 0 of the file lie in the upright picture.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_photo(path), upright)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_keeps_its_high_byte(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 255, 256, 0x8000, 0xFFFF]], np.uint16)
    photo = read_photo(save(Image.fromarray(values), tmp_path / f"a.{suffix}"))
    assert photo[0, :, 0].tolist() == [0, 0, 1, 128, 255]
    assert (photo == photo[..., :1]).all()


def test_big_endian_16_bit_grey(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.frombytes("I;16B", (2, 1), b"\x00\x00\xff\xff").save(path)
    assert read_photo(path)[0, :, 0].tolist() == [0, 255]


def test_16_bit_pgm(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 2 1 65535\n" + b"\x40\x00\xff\xff")
    assert read_photo(path)[0, :, 0].tolist() == [64, 255]


@pytest.mark.parametrize("value", [-1, 70_000])
def test_32_bit_grey_beyond_16_bits_is_refused(tmp_path: Path, value: int) -> None:
    image = Image.fromarray(np.full((2, 2), value, np.int32))
    with pytest.raises(ImageError, match=r"outside 0\.\.65535"):
        read_photo(save(image, tmp_path / "a.tif"))


def test_float_pixels_are_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.ones((2, 2), np.float32))
    with pytest.raises(ImageError, match="float"):
        read_photo(save(image, tmp_path / "a.tif"))


def test_cmyk(tmp_path: Path) -> None:
    red = Image.new("RGB", (16, 16), (255, 0, 0)).convert("CMYK")
    for name in ("a.jpg", "a.tif"):
        pixel = read_photo(save(red, tmp_path / name))[8, 8].astype(int)
        assert np.abs(pixel - (255, 0, 0)).max() <= 3


def test_adobe_cmyk_is_not_inverted(tmp_path: Path) -> None:
    """Pillow writes CMYK JPEGs as Adobe does, inverted and marked; unmarked ones are plain."""
    buffer = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 0, 0, 0)).save(buffer, "JPEG")
    assert b"Adobe" in buffer.getvalue()
    path = tmp_path / "white.jpg"
    path.write_bytes(buffer.getvalue())
    assert read_photo(path).min() >= 250


def test_palette(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    photo = read_photo(save(image, tmp_path / "a.png"))
    assert photo.tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_palette_with_a_transparent_colour_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    photo = read_photo(save(image, tmp_path / "a.png", transparency=0))
    assert photo.tolist() == [[[255, 255, 255], [200, 100, 50]]]


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (0, 0, 0, 51)), ("LA", (0, 51))])
def test_transparency_lies_on_white(tmp_path: Path, mode: str, colour: tuple[int, ...]) -> None:
    photo = read_photo(save(Image.new(mode, (3, 2), colour), tmp_path / "a.png"))
    assert (photo == 204).all()


def test_palette_alpha_lies_on_white() -> None:
    image = Image.new("RGBA", (1, 1), (0, 0, 0, 51)).convert("PA")
    assert (rgb_pixels(image) == 204).all()


def test_rgb_with_a_transparent_colour_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("RGB", (1, 1), (1, 2, 3))
    photo = read_photo(save(image, tmp_path / "a.png", transparency=(1, 2, 3)))
    assert photo.tolist() == [[[255, 255, 255]]]


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_1_bit(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (2, 1), 255)
    image.putpixel((1, 0), 0)
    photo = read_photo(save(image, tmp_path / "a.png"))
    assert photo.tolist() == [[[255] * 3, [0] * 3]]


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = save(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_photo(path)[0, 0].tolist() == [255, 0, 0]


def test_damaged_exif_leaves_the_photo_as_it_is(tmp_path: Path) -> None:
    path = save(gradient(), tmp_path / "a.jpg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert read_photo(path).shape == (30, 40, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "tif", "bmp", "webp"])
def test_truncated_at_any_length(tmp_path: Path, suffix: str) -> None:
    whole = save(gradient(200, 150), tmp_path / f"a.{suffix}").read_bytes()
    path = tmp_path / f"b.{suffix}"
    for share in (0.001, 0.01, 0.1, 0.5, 0.8):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ImageError) as caught:
            read_photo(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "tif", "webp"])
def test_flipped_bytes_give_a_photo_or_an_image_error(tmp_path: Path, suffix: str) -> None:
    whole = save(gradient(), tmp_path / f"a.{suffix}").read_bytes()
    path = tmp_path / f"b.{suffix}"
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(len(damaged), size=4):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            photo = read_photo(path)
        except ImageError:
            continue
        assert photo.ndim == 3


def test_missing_directory_empty_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no photo"):
        read_photo(tmp_path / "nothing.jpg")
    with pytest.raises(ImageError, match="directory"):
        read_photo(tmp_path)
    path = tmp_path / "a.jpg"
    for content in (b"", b"this is text, not an image"):
        path.write_bytes(content)
        with pytest.raises(ImageError, match="not an image"):
            read_photo(path)


def test_a_photo_beyond_the_limit_is_refused_undecoded(tmp_path: Path) -> None:
    path = save(Image.new("1", (10_001, 10_000)), tmp_path / "a.png")
    with pytest.raises(ImageError, match="70 megapixels"):
        read_photo(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = save(Image.new("1", (15_000, 14_000)), tmp_path / "a.png")
    with pytest.raises(ImageError, match="70 megapixels"):
        read_photo(path)


@pytest.mark.parametrize("side", [(1, 1), (1, 700), (700, 1)])
def test_thin_photos(tmp_path: Path, side: tuple[int, int]) -> None:
    assert read_photo(save(gradient(*side), tmp_path / "a.png")).shape == (side[1], side[0], 3)


def test_a_directory_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        read_photo(tmp_path)
    assert str(caught.value) == f"{tmp_path} is a directory; name one photo"


def test_pictures_come_back_as_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for shape in ((5, 7), (5, 7, 3), (5, 7, 4)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        path = tmp_path / "deep" / "a.PNG"
        write_image(pixels, path)
        assert np.array_equal(np.asarray(Image.open(path)), pixels)
        assert [path] == list(path.parent.iterdir())


def test_a_suffix_that_does_not_suit_is_refused(tmp_path: Path) -> None:
    rgb, mask = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8)
    for pixels, name in ((rgb, "a.xyz"), (rgb, "a"), (mask, "a.jpg")):
        with pytest.raises(OutputError, match=r"use \.png"):
            write_image(pixels, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2), np.uint8)
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "file" / "a.png", tmp_path / "folder.png"):
        with pytest.raises(OutputError):
            write_image(pixels, path)


@pytest.fixture
def _not_root() -> Iterator[None]:
    """Root may write anywhere: be `nobody` for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.mark.usefixtures("_not_root")
def test_a_read_only_directory() -> None:
    with pytest.raises(OutputError, match="writable"):
        write_image(np.zeros((2, 2), np.uint8), Path("/squeezesam-test.png"))


def test_a_directory_out_of_reach(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    request.getfixturevalue("_not_root")
    with pytest.raises(OutputError, match="writable"):
        write_image(np.zeros((2, 2), np.uint8), closed / "a.png")
    with pytest.raises(ImageError, match="permissions"):
        read_photo(closed / "a.png")
