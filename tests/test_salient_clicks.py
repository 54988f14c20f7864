"""Blobs and clicks of the salient pipeline on drawn heat maps, and what holds on any."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from squeezesam.errors import ConfigError
from squeezesam.figures.pictures import CAPTIONS, MAPS_PER_ROW, ZOOM, sampling_picture
from squeezesam.inference.explain import HEADER
from squeezesam.inference.mask_cleanup import blob_numbers
from squeezesam.inference.overlay import GAP
from squeezesam.inference.saliency_prompt import (
    MOST_CLICKS,
    ClickSampling,
    find_salient_object,
    most_salient_blob,
    nearest_to_centre,
    section_clicks,
)
from squeezesam.spec import MAP_STRIDE
from squeezesam.training.simulated_user import section_clicks as training_clicks
from squeezesam.vectors.saliency import PICTURED, SMALL, from_text, two_blobs

EIGHT_NEIGHBOURS = np.ones((3, 3))
ANY_SIZE = ClickSampling(threshold=128, peak=128, smallest_per_mille=0)


def clicks_on(heat, sampling=None):
    found = find_salient_object(heat, sampling or ClickSampling())
    assert found is not None
    assert all(found.blob[y, x] for x, y in found.clicks)
    return found.clicks


def random_mask(seed):
    """Scattered pixels or coarse clumps of them, of a random size and density."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 30, 2)
    coarse = rng.random((height // 3 + 1, width // 3 + 1)).repeat(3, 0).repeat(3, 1)
    values = rng.random((height, width)) if seed % 2 else coarse[:height, :width]
    return values < rng.uniform(0.1, 0.95)


def test_a_disc_is_clicked_on_its_centre_and_on_each_quarter():
    whole, *quarters = clicks_on(PICTURED["disc"])
    assert whole == (24, 20)
    # The row and column of the centre belong to the upper and the left quarters.
    wanted = [(20, 16), (28, 16), (20, 24), (28, 24)]
    assert all(
        max(abs(x - u), abs(y - v)) <= 1 for (x, y), (u, v) in zip(quarters, wanted, strict=True)
    )


def test_the_centre_of_a_ring_is_its_pixel_nearest_to_the_middle_of_the_hole():
    """Above, below, left and right are nearly the same distance; the least is found by counting."""
    heat = PICTURED["ring"]
    y, x = np.nonzero(heat)
    centre = np.array([x.mean(), y.mean()])
    assert not heat[round(centre[1]), round(centre[0])]
    distance = np.hypot(x - centre[0], y - centre[1])
    (click, *_) = clicks_on(heat)
    assert np.hypot(*(click - centre)) == pytest.approx(distance.min())


def test_sections_of_an_l_of_which_one_is_empty():
    whole, upper_left, upper_right, lower_left, lower_right = clicks_on(PICTURED["L"])
    assert upper_right == whole
    assert len({whole, upper_left, lower_left, lower_right}) == 4
    assert upper_left.y < whole.y < lower_left.y
    assert lower_right.x > whole.x


def test_a_u_is_one_blob():
    found = find_salient_object(PICTURED["U"])
    assert found.blob.sum() == np.count_nonzero(PICTURED["U"])
    whole, left_post, right_post, *_ = found.clicks
    assert left_post.x < whole.x < right_post.x
    assert max(left_post.y, right_post.y) < 29 <= whole.y


@pytest.mark.parametrize("level", [244, 255])
def test_of_two_blobs_the_larger_sum_counts_and_not_the_hotter_pixel(level):
    assert clicks_on(two_blobs(level))[0] == (15, 16)


def test_fewer_but_hotter_pixels_win_by_their_sum():
    assert clicks_on(SMALL["fewer but hotter pixels have the larger sum"])[0] == (9, 2)


@pytest.mark.parametrize("which", ["a", "the other"])
def test_pixels_that_touch_at_a_corner_are_one_blob(which):
    heat = SMALL[f"squares that touch at {which} corner"]
    assert find_salient_object(heat).blob.sum() == np.count_nonzero(heat)


def test_pixels_a_column_apart_are_two_blobs():
    assert blob_numbers(from_text("#.# #.#") > 0).tolist() == [[1, 0, 2], [1, 0, 2]]


def test_blobs_are_numbered_in_reading_order_of_their_first_pixels():
    numbers = blob_numbers(from_text("..#..# #..... ###..# .....#") > 0)
    assert numbers.tolist() == [
        [0, 0, 1, 0, 0, 2],
        [3, 0, 0, 0, 0, 0],
        [3, 3, 3, 0, 0, 4],
        [0, 0, 0, 0, 0, 4],
    ]


def test_runs_that_join_late_are_numbered_as_one():
    numbers = blob_numbers(from_text("#.#.#.# #.#.#.# ###.### #.....# #######") > 0)
    assert set(np.unique(numbers)) == {0, 1}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a row", [(4, 1), (2, 1), (6, 1), (4, 1), (4, 1)]),
        ("a column", [(2, 2), (2, 1), (2, 2), (2, 3), (2, 2)]),
        ("a diagonal", [(2, 2), (1, 1), (2, 2), (2, 2), (3, 3)]),
        ("one pixel", [(3, 1)] * 5),
        ("one pixel in a map of one", [(0, 0)] * 5),
        ("a corner of the map", [(0, 0), (0, 0), (1, 0), (0, 1), (0, 0)]),
        ("a square of four, equally near", [(1, 1), (1, 1), (2, 1), (1, 2), (2, 2)]),
        ("all hot", [(2, 1), (1, 0), (3, 0), (1, 2), (3, 2)]),
        ("two equal blobs in one row", [(1, 1), (1, 1), (2, 1), (1, 2), (2, 2)]),
        (
            "two equal blobs, the first to begin further right",
            [(4, 0), (4, 0), (5, 0), (4, 1), (5, 1)],
        ),
    ],
)
def test_clicks_worked_out_by_hand(name, expected):
    assert list(clicks_on(SMALL[name])) == expected


@pytest.mark.parametrize(
    "name", ["all cold", "just too small", "one below the peak", "the hottest pixel is elsewhere"]
)
def test_nothing_stands_out(name):
    assert find_salient_object(SMALL[name]) is None


@pytest.mark.parametrize("name", ["just large enough", "at the peak", "at the threshold"])
def test_limits_belong_to_the_object(name):
    assert find_salient_object(SMALL[name]) is not None


def test_one_level_below_the_threshold_is_cold():
    found = find_salient_object(SMALL["one below the threshold"])
    assert found.blob.sum() == 4
    assert find_salient_object(SMALL["at the threshold"]).blob.sum() == 16


@pytest.mark.parametrize("count", range(1, MOST_CLICKS + 1))
def test_fewer_clicks_are_the_first_ones(count):
    all_clicks = clicks_on(PICTURED["person"])
    assert clicks_on(PICTURED["person"], ClickSampling(clicks=count)) == all_clicks[:count]


@pytest.mark.parametrize(
    "option",
    [
        {"threshold": 0},
        {"threshold": 256},
        {"peak": 0},
        {"smallest_per_mille": -1},
        {"smallest_per_mille": 1001},
        {"clicks": 0},
        {"clicks": 6},
    ],
)
def test_samplings_out_of_range(option):
    (name,) = option
    with pytest.raises(ConfigError, match=f"{name}=.*must be from"):
        ClickSampling(**option)


@pytest.mark.parametrize("seed", range(60))
def test_blobs_are_those_of_scipy(seed):
    mask = random_mask(seed)
    ours, (theirs, count) = blob_numbers(mask), ndimage.label(mask, EIGHT_NEIGHBOURS)
    assert np.array_equal(ours > 0, mask)
    pairs = {(int(a), int(b)) for a, b in zip(ours[mask], theirs[mask], strict=True)}
    assert len(pairs) == count == ours.max()
    firsts = [int(np.flatnonzero(ours == number)[0]) for number in range(1, count + 1)]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize("seed", range(60))
def test_clicks_lie_in_their_sections_and_nothing_there_is_nearer_to_the_centre(seed):
    mask = random_mask(seed)
    levels = np.random.default_rng(seed).integers(128, 256, mask.shape, dtype=np.uint8)
    heat = np.where(mask, levels, 0).astype(np.uint8)
    found = find_salient_object(heat, ANY_SIZE)
    if found is None:
        assert not heat.any()
        return
    y, x = np.nonzero(found.blob)
    whole = found.clicks[0]
    sections = [np.ones(len(x), bool)]
    sections += [
        (y > whole.y if below else y <= whole.y) & (x > whole.x if right else x <= whole.x)
        for below in (False, True)
        for right in (False, True)
    ]
    for click, section in zip(found.clicks, sections, strict=True):
        if not section.any():
            assert click == whole
            continue
        distance = np.hypot(x - x[section].mean(), y - y[section].mean())
        (place,) = np.flatnonzero((x == click.x) & (y == click.y))
        assert section[place]
        assert distance[place] == pytest.approx(distance[section].min())


@pytest.mark.parametrize("seed", range(8))
def test_training_clicks_are_the_same(seed):
    """In small maps many pixels are equally near: 32-bit floats break a tie of these otherwise."""
    side = (5, 8, 16, 64)[seed % 4]
    rng = np.random.default_rng(seed)
    masks = rng.random((40, side, side)) < rng.uniform(0.1, 1, (40, 1, 1))
    masks[:, side // 2, side // 2] = True
    trained = training_clicks(torch.from_numpy(masks)[:, None])
    for mask, click in zip(masks, trained, strict=True):
        expected = np.array(section_clicks(mask)) + 0.5
        assert (click.numpy() == expected * MAP_STRIDE).all()


def test_a_full_map_of_a_large_input_overflows_nothing():
    """Squares reach 2^47 here."""
    rows, columns = np.nonzero(np.ones((256, 256), bool))
    assert nearest_to_centre(columns, rows) == (127, 127)
    full = torch.ones(1, 1, 256, 256, dtype=torch.bool)
    assert (training_clicks(full)[0, 0] / MAP_STRIDE - 0.5).tolist() == [127, 127]


def test_no_blob_in_no_numbers():
    assert most_salient_blob(np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.int64)) is None


def test_the_docs_picture_shows_every_shape():
    assert list(CAPTIONS) == list(PICTURED)
    picture = sampling_picture()
    height, width = PICTURED["disc"].shape
    rows = -(-len(PICTURED) // MAPS_PER_ROW)
    assert picture.size == (
        MAPS_PER_ROW * (width * ZOOM + GAP) - GAP,
        rows * (height * ZOOM + HEADER),
    )
