"""Geometry between a photo and the network input, there and back."""

import numpy as np
import pillow_reference
import pytest
import torch
from torch.nn import functional as F

from squeezesam.inference.letterbox import Letterbox, resized, scaled
from squeezesam.spec import MAP_STRIDE

SIZES = [(640, 480), (341, 512), (512, 341), (97, 31), (3, 5), (1, 1), (900, 1), (1, 900)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_long_side_fills_the_input(width: int, height: int) -> None:
    letterbox = Letterbox.fit(width, height, 128)
    assert max(letterbox.inside) == 128
    assert all(side >= MAP_STRIDE and side % MAP_STRIDE == 0 for side in letterbox.inside)
    for inside, side, scale in zip(letterbox.inside, (width, height), letterbox.scale, strict=True):
        assert inside == pytest.approx(side * scale)
        assert abs(inside - side * 128 / max(width, height)) <= max(1, MAP_STRIDE - 1 / 128)


def test_a_half_goes_to_the_even_mask_pixel_at_every_size() -> None:
    # 253 / 704 of 160 mask pixels are 57.5 of them, which floats may take for less.
    assert Letterbox.fit(253, 704, 320).inside == (58 * MAP_STRIDE, 320)


def test_bytes_become_exact_network_values() -> None:
    assert scaled(torch.tensor([0.0, 128.0, 255.0])).tolist() == [-1.0, 0.0, 127 / 128]


def test_the_photo_lies_top_left_and_padding_is_zero() -> None:
    image = Letterbox.fit(100, 50, 64).apply(np.full((50, 100, 3), 255, np.uint8))
    assert image.shape == (1, 3, 64, 64)
    assert (image[..., :32, :] == 127 / 128).all()
    assert (image[..., 32:, :] == 0).all()


def test_a_photo_of_the_input_size_is_only_scaled() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    wanted = scaled(torch.from_numpy(pixels).float()).permute(2, 0, 1)
    assert torch.equal(Letterbox.fit(64, 64, 64).apply(pixels)[0], wanted)


def test_masks_come_back_as_bilinear_upsampling_of_the_inside() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 32, 32)).astype(np.float32)
    upsampled = Letterbox.fit(200, 150, 64).photo_logits(logits)
    inside = torch.from_numpy(logits)[None, :, :24]
    expected = F.interpolate(inside, (150, 200), mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(upsampled, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize(("width", "height"), [(301, 211), (1313, 37), (90, 640), (40, 30)])
def test_resizing_is_pillows_within_two_levels(width: int, height: int) -> None:
    photo = np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)
    for pixels in (photo, photo[:, ::-1], np.broadcast_to(photo[:1], photo.shape)):
        letterbox = Letterbox.fit(width, height, 128)
        fitted = resized(pixels, letterbox.inside).astype(int)
        by_pillow = pillow_reference.fitted_photo(np.ascontiguousarray(pixels), 128).astype(int)
        assert np.abs(fitted - by_pillow).max() <= 2
        assert np.abs(fitted - by_pillow).mean() < 0.2


@pytest.mark.parametrize(("width", "height"), [(301, 211), (1313, 37), (90, 640), (20, 15)])
def test_masks_come_back_as_by_pillow(width: int, height: int) -> None:
    logits = np.random.default_rng(0).normal(size=(1, 32, 32)).astype(np.float32)
    letterbox = Letterbox.fit(width, height, 64)
    by_pillow = pillow_reference.photo_logits(logits[0], letterbox)
    np.testing.assert_allclose(letterbox.photo_logits(logits)[0], by_pillow, atol=5e-4)


def test_masks_are_thresholded_after_upsampling() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 32, 32)).astype(np.float32)
    letterbox = Letterbox.fit(123, 77, 64)
    for threshold in (0.0, 0.7):
        masks = letterbox.photo_masks(logits, threshold)
        assert masks.dtype == np.bool_
        assert np.array_equal(masks, letterbox.photo_logits(logits) > threshold)


@pytest.mark.parametrize(("width", "height"), [(600, 400), (341, 512), (511, 333), (2000, 30)])
def test_the_padding_never_bleeds_into_the_photo(width: int, height: int) -> None:
    letterbox = Letterbox.fit(width, height, 128)
    columns, rows = (side // MAP_STRIDE for side in letterbox.inside)
    logits = np.full((1, 64, 64), -20, np.float32)
    logits[:, :rows, :columns] = 1
    assert letterbox.photo_masks(logits).all()


@pytest.mark.parametrize(("width", "height"), [(600, 400), (341, 512), (511, 333), (4000, 900)])
def test_an_edge_comes_back_within_a_pixel(width: int, height: int) -> None:
    """A vertical and a horizontal edge, at the network's half pixels, return where they were."""
    letterbox = Letterbox.fit(width, height, 512)
    across, down = letterbox.scale
    centres = (np.arange(256) + 0.5) * MAP_STRIDE
    for share in (0.1, 0.5, 0.93):
        x, y = round(width * share), round(height * share)
        # A linear ramp through zero at the edge, as a distance map would give.
        logits = np.stack(
            [
                np.broadcast_to(x * across - centres, (256, 256)),
                np.broadcast_to((y * down - centres)[:, None], (256, 256)),
            ]
        ).astype(np.float32)
        masks = letterbox.photo_masks(logits)
        assert np.abs(masks[0].sum(axis=1) - x).max() <= 1
        assert np.abs(masks[1].sum(axis=0) - y).max() <= 1


def blob(seed: int) -> np.ndarray:
    """Logits of one object with a hole and a ragged outline, as masks have them."""
    y, x = np.mgrid[:64, :64]
    ring = 9 - np.abs(np.hypot(y - 30, 1.3 * (x - 28)) - 16)
    return (ring + np.random.default_rng(seed).normal(size=ring.shape)).astype(np.float32)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (300, 1000), (128, 128), (701, 129)])
@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_masks_are_where_the_upsampled_logits_exceed_the_threshold(
    width: int, height: int, threshold: float
) -> None:
    letterbox = Letterbox.fit(width, height, 128)
    logits = np.stack([blob(0), blob(1), -blob(2), np.full((64, 64), 3, np.float32)])
    upsampled = letterbox.photo_logits(logits)
    masks = letterbox.photo_masks(logits, threshold)
    undecided = np.abs(upsampled - threshold) < 1e-5  # where the order of a sum would tell
    assert undecided.mean() < 1e-3
    assert 0.05 < masks[:3].mean() < 0.95
    np.testing.assert_array_equal(masks[~undecided], (upsampled > threshold)[~undecided])
