"""Clean masks, by hand-made cases, by scipy, and through the predictor."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from squeezesam.errors import ConfigError
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.mask_cleanup import (
    MaskCleaning,
    Wanted,
    blob_numbers,
    cleaned,
    cleaned_logits,
)
from squeezesam.inference.predictor import SamPredictor
from squeezesam.spec import FLIPPED_LOGIT, NUM_MASKS
from squeezesam.vectors.masks import drawn_mask

SIZE = 128
SIDE = SIZE // 2
Box = tuple[int, int, int, int]


@pytest.mark.parametrize("corners", [True, False])
def test_blobs_are_those_of_scipy(corners: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        mask = rng.random(rng.integers(1, 20, 2)) < rng.random()
        wanted, _ = ndimage.label(mask, np.ones((3, 3)) if corners else None)
        assert np.array_equal(blob_numbers(mask, corners), wanted)


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match="speck_area=-1"):
        MaskCleaning(speck_area=-1)


def test_a_cleaned_mask_is_clean() -> None:
    """To clean twice is to clean once, and what holds a positive click never goes."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        mask = ndimage.gaussian_filter(rng.normal(size=(30, 40)), 1) > 0
        clicks = [(int(x), int(y)) for x, y in rng.integers((40, 30), size=(4, 2))]
        asked = Wanted(clicks[:2], clicks[2:])
        once = cleaned(mask, asked, MaskCleaning(9, 9))
        assert np.array_equal(once, cleaned(once, asked, MaskCleaning(9, 9)))
        assert once.any() == mask.any()
        assert all(once[y, x] for x, y in clicks[:2] if mask[y, x])
        assert not any(once[y, x] for x, y in clicks[2:] if not mask[y, x])


def test_only_pixels_that_change_sides_get_other_logits() -> None:
    letterbox = Letterbox.fit(40, 20, SIZE)
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(3, SIDE, SIDE)).astype(np.float32)
    logits[0, :20, :20] = 5
    logits[0, 4, 4] = 0
    before = logits.copy()
    clean = cleaned_logits(logits, Wanted([(3, 3)]), letterbox)
    assert np.array_equal(logits, before)
    assert np.array_equal(clean[:, 32:], logits[:, 32:])  # padding
    changed = (clean > 0) != (logits > 0)
    assert changed.any()
    assert np.array_equal(clean[~changed], logits[~changed])
    assert (np.abs(clean[changed]) >= FLIPPED_LOGIT).all()
    assert clean[0, 4, 4] == FLIPPED_LOGIT


def test_regions_that_only_the_padding_joins_are_two() -> None:
    letterbox = Letterbox.fit(64, 32, SIZE)
    logits = np.full((1, SIDE, SIDE), -1, np.float32)
    logits[0, 20:, 5:15] = logits[0, 20:, 40:50] = logits[0, 32:] = 1
    clean = cleaned_logits(logits, Wanted([(10, 25)]), letterbox)
    assert clean[0, 25, 10] > 0
    assert (clean[0, :32, 40:50] < 0).all()


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (300, 200), (200, 333), (64, 64), (3, 900), (5000, 3000)]
)
def test_places_on_the_photo_find_their_mask_pixels(width: int, height: int) -> None:
    letterbox = Letterbox.fit(width, height, SIZE)
    columns, rows = letterbox.mask_size
    rng = np.random.default_rng(3)
    for x, y in rng.integers((width, height), size=(50, 2)).tolist():
        column, row = letterbox.mask_pixel(x, y)
        assert column <= (x + 0.5) * columns / width <= column + 1
        assert row <= (y + 0.5) * rows / height <= row + 1
        box = np.array([x, y, width, height], np.float32)
        inside = letterbox.mask_window(box)
        centres = (np.arange(rows) + 0.5) * height / rows, (np.arange(columns) + 0.5) * width
        assert np.arange(rows)[inside[0]].tolist() == np.flatnonzero(centres[0] >= y).tolist()
        across = centres[1] / columns >= x
        assert np.arange(columns)[inside[1]].tolist() == np.flatnonzero(across).tolist()


def drawing(*texts: str) -> Callable[..., tuple[Tensor, Tensor]]:
    """A network that answers every prompt with drawn masks, each letter 8 x 8 mask pixels."""
    masks = [np.kron(drawn_mask(text), np.ones((8, 8))) * 6 - 3 for text in texts]
    logits = torch.from_numpy(np.stack(masks).astype(np.float32))[None]

    def network(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        network.previous = inputs[1][0, -1]
        return logits, torch.linspace(0.9, 0.6, NUM_MASKS)[None]

    return network


TWO = "........ .##..##. .##..##. ........ ........ ........ ........ ........"
LOW = "........ ........ ........ ........ ........ ........ ######## ........"


def test_the_predictor_gives_clean_masks_back_and_takes_them_as_previous() -> None:
    network = drawing(TWO, LOW, TWO, LOW)
    predictor = SamPredictor(network, SIZE, looking=None)
    predictor.set_image(np.zeros((SIZE, SIZE, 3), np.uint8))
    masks, ious, low = predictor.predict([(30, 20)], [1], multimask_output=False)
    assert masks[0, 16:48, 16:48].all()
    assert masks[0].sum() == 32 * 32
    assert np.array_equal(low[0] > 0, masks[0, ::2, ::2])
    assert ious.tolist() == pytest.approx([0.9])
    predictor.predict([(30, 20)], [1], mask_input=low, multimask_output=False)
    assert torch.equal(network.previous > 0, torch.from_numpy(low[0] > 0))
    logits, _, _ = predictor.predict([(30, 20)], [1], multimask_output=False, return_logits=True)
    assert np.array_equal(logits > 0, masks)


def test_what_was_in_the_mask_stays_unless_a_click_denies_it() -> None:
    predictor = SamPredictor(drawing(TWO, TWO, TWO, TWO), SIZE)
    predictor.set_image(np.zeros((SIZE, SIZE, 3), np.uint8))
    both = predictor.predict([(30, 20), (90, 40)], [1, 1], multimask_output=False)[2]
    masks, _, _ = predictor.predict([(30, 20)], [1], mask_input=both, multimask_output=False)
    assert masks.sum() == 2 * 32 * 32
    clicks, labels = [(30, 20), (90, 40)], [1, 0]
    masks, _, _ = predictor.predict(clicks, labels, mask_input=both, multimask_output=False)
    assert masks.sum() == 32 * 32


def test_each_of_several_masks_is_cleaned_for_itself() -> None:
    predictor = SamPredictor(drawing(LOW, TWO, LOW, TWO), SIZE)
    predictor.set_image(np.zeros((SIZE, SIZE, 3), np.uint8))
    masks, ious, _ = predictor.predict([(30, 20)], [1])
    # A mask that the click is not in stays as it is.
    assert masks.sum(axis=(1, 2)).tolist() == [32 * 32, 8 * 8 * 8 * 4, 32 * 32]
    assert ious.tolist() == pytest.approx([0.8, 0.7, 0.6])


def test_masks_can_be_left_as_the_network_gives_them() -> None:
    predictor = SamPredictor(drawing(TWO, LOW, TWO, LOW), SIZE, cleaning=None)
    predictor.set_image(np.zeros((SIZE, SIZE, 3), np.uint8))
    masks, _, _ = predictor.predict([(30, 20)], [1], multimask_output=False)
    assert masks.sum() == 2 * 32 * 32


@pytest.mark.parametrize("box", [(0, 0, 64, 128), (40, 0, 128, 128)])
def test_a_box_keeps_what_lies_in_it_by_half(box: Box) -> None:
    predictor = SamPredictor(drawing(TWO, LOW, TWO, LOW), SIZE)
    predictor.set_image(np.zeros((SIZE, SIZE, 3), np.uint8))
    masks, _, _ = predictor.predict(box=box, multimask_output=False)
    wanted = np.zeros((SIZE, SIZE), np.bool_)
    left = 16 if box[0] == 0 else 80
    wanted[16:48, left : left + 32] = True
    assert np.array_equal(masks[0], wanted)


@pytest.mark.parametrize(("width", "height"), [(128, 128), (400, 300), (90, 2000), (50, 40)])
def test_soft_edges_lie_along_the_outline_alone(width: int, height: int) -> None:
    letterbox = Letterbox.fit(width, height, SIZE)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    columns, rows = letterbox.mask_size
    logits = (min(columns, rows) / 3 - np.hypot(x - columns / 2, y - rows / 2)).astype(np.float32)
    logits += np.float32(1e-3)  # no pixel is on the threshold
    (alpha,), (mask,) = letterbox.photo_alphas(logits[None]), letterbox.photo_masks(logits[None])
    assert alpha.dtype == np.uint8
    assert np.array_equal(alpha >= 128, mask)
    assert ((alpha > 0) & (alpha < 255)).any()
    reach = int(np.ceil(3 * max(1, width / columns, height / rows)))
    far = ndimage.binary_dilation(mask, iterations=reach) == ndimage.binary_erosion(
        mask, iterations=reach, border_value=1
    )
    assert np.isin(alpha[far], (0, 255)).all()


def test_nothing_shimmers_where_a_region_was_taken_away() -> None:
    letterbox = Letterbox.fit(200, 200, SIZE)
    logits = np.full((1, SIDE, SIDE), -0.1, np.float32)
    logits[0, 10:30, 10:30] = logits[0, 40:60, 40:60] = 0.1
    clean = cleaned_logits(logits, Wanted([(20, 20)]), letterbox)
    (alpha,) = letterbox.photo_alphas(clean)
    assert (alpha[110:, 110:] == 0).all()
    assert (alpha[40:80, 40:80] == 255).all()
