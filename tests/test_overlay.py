"""Overlay and cutout, pixel by pixel where it matters."""

import numpy as np
import pytest

from squeezesam.inference.overlay import (
    CLICK_COLOURS,
    DARK,
    LIGHT,
    TINT,
    TINT_OPACITY,
    click_marker,
    draw_cutout,
    draw_overlay,
)
from squeezesam.inference.prompts import check_prompts
from squeezesam.spec import PointLabel

SIDE = 120


def square_mask() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[30:90, 30:90] = True
    return mask


def overlay_on(grey: int, **prompts: object) -> np.ndarray:
    asked = {"point_coords": None, "point_labels": None, "box": None} | prompts
    checked = check_prompts(**asked, width=SIDE, height=SIDE)
    photo = np.full((SIDE, SIDE, 3), grey, np.uint8)
    return np.asarray(draw_overlay(photo, square_mask(), checked)).astype(int)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_inside_is_tinted_and_outside_untouched(grey: int) -> None:
    picture = overlay_on(grey)
    expected = grey + (np.array(TINT) - grey) * TINT_OPACITY
    assert np.abs(picture[60, 60] - expected).max() <= 2
    assert (picture[:25] == grey).all()


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_the_outline_shows_on_any_background(grey: int) -> None:
    across = overlay_on(grey)[60, 25:35].mean(axis=1)
    assert across.max() - across.min() > 100


def test_clicks_and_box_are_drawn_where_they_are() -> None:
    picture = overlay_on(
        128, point_coords=[(60, 50), (100, 15)], point_labels=[1, 0], box=(10, 12, 110, 70)
    )
    for x, y, label in ((60, 50, PointLabel.POSITIVE), (100, 15, PointLabel.NEGATIVE)):
        assert picture[y, x].tolist() == list(LIGHT)
        assert np.abs(picture[y - 3, x + 2] - CLICK_COLOURS[label]).max() <= 60
    edge = picture[8:16, 30]
    assert (edge == LIGHT).all(axis=1).any()
    assert (edge == DARK).all(axis=1).sum() == 2


def test_a_marker_is_symmetric_and_tells_plus_from_minus() -> None:
    plus, minus = (
        np.asarray(click_marker(label, 10)).astype(int)
        for label in (PointLabel.POSITIVE, PointLabel.NEGATIVE)
    )
    assert plus.shape == (21, 21, 4)
    assert np.abs(plus - plus.transpose(1, 0, 2)).max() <= 2
    assert plus[7, 10, :3].tolist() == list(LIGHT)
    assert minus[7, 10, :3].tolist() != list(LIGHT)


def test_clicks_in_a_corner_are_cut_off_at_the_photo() -> None:
    assert overlay_on(128, point_coords=[(0, 0)], point_labels=[1]).shape == (SIDE, SIDE, 3)


def test_the_cutout_is_the_photo_as_opaque_as_it_is_told() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    alpha = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    cutout = np.asarray(draw_cutout(photo, alpha))
    assert np.array_equal(cutout, np.dstack([photo, alpha]))
