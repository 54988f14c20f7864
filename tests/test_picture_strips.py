"""Pictures in strips have the pixels of the same picture drawn and encoded as a whole."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from squeezesam.inference.overlay import cutout_strips, overlay_strips
from squeezesam.inference.prompts import check_prompts
from squeezesam.picture_strips import STRIP_ROWS, StripPicture

SIZES = [(1, 1), (300, 1), (17, 127), (33, 128), (20, 129), (41, 10 * STRIP_ROWS + 5)]
"""Widths and heights; of more strips than JPEG has restart markers too."""


def overlay(width: int, height: int) -> StripPicture:
    """A mask of a few blobs with clicks everywhere and a box of fractions."""
    rng = np.random.default_rng(width + height)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    blobs = Image.fromarray(rng.integers(0, 2, (7, 5), dtype=np.uint8) * np.uint8(255))
    mask = np.asarray(blobs.resize((width, height))) > 127
    clicks = [[0, 0], [width // 2, height // 2], [width - 1, height - 1]]
    box = [0.1 * width, 0.13 * height, 0.93 * width, 0.87 * height]
    return overlay_strips(
        photo, mask, check_prompts(clicks, [1, 0, 1], box, width=width, height=height)
    )


def cutout(width: int, height: int) -> StripPicture:
    rng = np.random.default_rng(width + height)
    pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    return cutout_strips(pixels[..., :3], pixels[..., 3])


def read(save: Callable[[io.BytesIO], None]) -> np.ndarray:
    buffer = io.BytesIO()
    save(buffer)
    return np.asarray(Image.open(buffer))


@pytest.mark.parametrize("size", SIZES)
def test_any_strip_of_an_overlay_is_a_part_of_the_whole(size: tuple[int, int]) -> None:
    picture = overlay(*size)
    whole = np.asarray(picture.whole())
    for top in range(0, picture.height, 61):
        bottom = min(top + 61, picture.height)
        assert np.array_equal(np.asarray(picture.draw(top, bottom)), whole[top:bottom])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [overlay, cutout])
def test_png(size: tuple[int, int], make: Callable[..., StripPicture]) -> None:
    picture = make(*size)
    whole = picture.whole()
    got = read(lambda file: picture.save(file, "PNG"))
    assert got.shape[2] == len(picture.mode)
    assert np.array_equal(got, np.asarray(whole))


@pytest.mark.parametrize("size", SIZES)
def test_jpeg(size: tuple[int, int]) -> None:
    picture = overlay(*size)
    got = read(lambda file: picture.save(file, "JPEG", 90))
    right = read(lambda file: picture.whole().save(file, "JPEG", quality=90))
    assert np.array_equal(got, right)
