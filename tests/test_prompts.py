"""What the user may say, and how it becomes tensors."""

import numpy as np
import pytest
import torch

from squeezesam.errors import PromptError
from squeezesam.inference.prompts import (
    Prompts,
    check_prompts,
    draw_discs,
    encode_prompts,
    encode_tokens,
    fill_box,
    prompt_slots,
)
from squeezesam.networks.layers import position_features
from squeezesam.spec import (
    DISC_RADIUS,
    POINT_SLOTS,
    POSITION_FEATURES,
    TOKEN_FEATURES,
    TOKEN_SLOTS,
    MapChannel,
    PointLabel,
)


def check(coords: object = None, labels: object = None, box: object = None) -> Prompts:
    return check_prompts(coords, labels, box, width=100, height=60)


@pytest.mark.parametrize("point", [(-1, 5), (-0.01, 5), (100, 5), (5, 60), (5, -3), (1e9, 5)])
def test_a_click_outside_the_photo(point: tuple[float, float]) -> None:
    with pytest.raises(PromptError, match="outside the 100x60 image"):
        check([point], [1])


@pytest.mark.parametrize("point", [(0, 0), (99, 59), (99.9, 59.9)])
def test_a_click_on_the_very_edge(point: tuple[float, float]) -> None:
    np.testing.assert_allclose(check([point], [1]).coords, [point])


@pytest.mark.parametrize(
    ("coords", "labels", "box", "message"),
    [
        ([(np.nan, 5)], [1], None, r"point_coords\[0, 0\] is nan"),
        ([(5, np.inf)], [1], None, r"point_coords\[0, 1\] is inf"),
        ([(5, 5)], [np.nan], None, r"point_labels\[0\] is nan"),
        (None, None, (0, 0, np.nan, 5), r"box\[2\] is nan"),
        ([], [1], None, "point_labels must have shape 0, got 1"),
        ([(5, 5, 5)], [1], None, "shape Nx2, got 1x3"),
        ([5, 5], [1], None, "shape Nx2, got 2"),
        ([(5, 5)], [1, 0], None, "shape 1, got 2"),
        ([(5, 5), (5,)], [1, 0], None, "numbers"),
        ([("a", 5)], [1], None, "numbers"),
        ([(5, 5)], None, None, "go together"),
        (None, [1], None, "go together"),
        ([(5, 5)], [2], None, "unknown point label 2"),
        ([(5, 5)], [0.5], None, "unknown point label 0.5"),
        (None, None, (1, 2, 3), "shape 4, got 3"),
        (None, None, (20, 5, 10, 9), "x0 < x1"),
        (None, None, (5, 20, 9, 10), "y0 < y1"),
        (None, None, (5, 5, 5, 9), "covers nothing"),
        (None, None, (100, 5, 120, 9), "covers nothing of the 100x60 image"),
        (None, None, (-9, 5, 0, 9), "covers nothing"),
    ],
)
def test_prompts_without_meaning(coords: object, labels: object, box: object, message: str) -> None:
    with pytest.raises(PromptError, match=message) as caught:
        check(coords, labels, box)
    assert "\n" not in str(caught.value)


def test_a_box_is_clipped_to_the_photo() -> None:
    box = check(box=(-5, 10, 300, 61)).box
    assert box is not None
    assert box.tolist() == [0, 10, 100, 60]


def test_of_exact_duplicates_one_is_kept() -> None:
    prompts = check([(5, 5), (7, 7), (5, 5)], [1, 1, 1])
    assert prompts.coords.tolist() == [[7, 7], [5, 5]]


def test_of_contradictory_clicks_the_latest_wins() -> None:
    prompts = check([(5, 5), (7, 7), (5, 5)], [1, 1, 0])
    assert prompts.coords.tolist() == [[7, 7], [5, 5]]
    assert prompts.labels.tolist() == [1, 0]


def test_unused_slots_are_dropped_wherever_they_point() -> None:
    prompts = check([(-50, 999), (7, 8)], [-1, 0])
    assert prompts.coords.tolist() == [[7, 8]]
    assert prompts.labels.tolist() == [0]


def test_slots_hold_padding_then_points_then_box_edges() -> None:
    coords, labels = prompt_slots(check([(10, 20)], [1], (0, 0, 50, 60)), (2.0, 0.5))
    assert coords.shape == (1, TOKEN_SLOTS, 2)
    assert labels[0].tolist() == [PointLabel.PAD] * (POINT_SLOTS - 1) + [
        PointLabel.POSITIVE,
        PointLabel.BOX_TOP_LEFT,
        PointLabel.BOX_BOTTOM_RIGHT,
    ]
    # A click means the centre of its pixel, a box the edges that it names.
    assert coords[0, -3:].tolist() == [[21, 10.25], [0, 0], [100, 30]]


def test_of_too_many_clicks_all_are_drawn_and_the_latest_become_tokens() -> None:
    places = [(6 * index, 30) for index in range(POINT_SLOTS + 3)]
    coords, labels = prompt_slots(check(places, [1] * len(places)), (1.0, 1.0))
    maps, tokens = encode_prompts(coords, labels, None, 128)
    drawn = maps[0, MapChannel.POSITIVE]
    assert all(drawn[15, x // 2] == 1 for x, _ in places)
    latest = encode_tokens(coords[:, 3:], labels[:, 3:], 128)
    assert tokens.shape == (1, TOKEN_SLOTS, TOKEN_FEATURES)
    assert torch.equal(tokens, latest)
    assert (tokens[0, :POINT_SLOTS].abs().sum(dim=1) > 0).all()


def test_a_disc_has_its_place_its_radius_and_a_soft_edge() -> None:
    centre = torch.tensor([[[21.0, 33.0]]])
    disc = draw_discs(centre, torch.ones(1, 1, dtype=torch.bool), 32)[0].numpy()
    y, x = np.mgrid[:32, :32] + 0.5
    distance = np.hypot(x - 10.5, y - 16.5)
    assert disc[16, 10] == 1
    assert (disc[distance <= DISC_RADIUS - 0.5] == 1).all()
    assert (disc[distance >= DISC_RADIUS + 0.5] == 0).all()
    assert disc.sum() == pytest.approx(np.pi * DISC_RADIUS**2, rel=0.05)


def test_hidden_discs_leave_no_trace_and_overlap_does_not_add_up() -> None:
    points = torch.tensor([[[20.0, 20.0], [21.0, 20.0], [50.0, 50.0]]])
    shown = torch.tensor([[True, True, False]])
    discs = draw_discs(points, shown, 32)[0]
    assert discs.max() == 1
    assert (discs[20:, 20:] == 0).all()
    assert not draw_discs(points, torch.zeros_like(shown), 32).any()


def test_a_box_covers_each_pixel_by_its_share() -> None:
    corners = torch.tensor([[[3.0, 4.0], [9.0, 7.0]]])  # 1.5..4.5 by 2..3.5 map pixels
    filled = fill_box(corners, torch.ones(1, dtype=torch.bool), 6)[0]
    expected = torch.outer(torch.tensor([0, 0, 1, 0.5, 0, 0]), torch.tensor([0, 0.5, 1, 1, 0.5, 0]))
    assert torch.equal(filled, expected)
    assert not fill_box(corners, torch.zeros(1, dtype=torch.bool), 6).any()


def test_maps_keep_to_their_channels() -> None:
    coords, labels = prompt_slots(check([(10, 10), (40, 40)], [1, 0]), (1.0, 1.0))
    maps, _ = encode_prompts(coords, labels, None, 64)
    assert maps.shape == (1, len(MapChannel), 32, 32)
    assert maps[0, MapChannel.POSITIVE, 5, 5] == 1
    assert maps[0, MapChannel.NEGATIVE, 20, 20] == 1
    assert not maps[0, MapChannel.POSITIVE, 15:].any()
    assert not maps[0, MapChannel.NEGATIVE, :15].any()
    assert not maps[0, [MapChannel.BOX, MapChannel.PREVIOUS_MASK]].any()


def test_a_previous_mask_is_squashed() -> None:
    coords, labels = prompt_slots(check([(10, 10)], [1]), (1.0, 1.0))
    logits = torch.linspace(-60, 60, 32 * 32).view(1, 1, 32, 32)
    maps, _ = encode_prompts(coords, labels, logits, 64)
    assert torch.equal(maps[:, MapChannel.PREVIOUS_MASK], torch.tanh(logits[:, 0] / 2))


def test_unused_tokens_are_exactly_zero() -> None:
    coords, labels = prompt_slots(check([(10, 20)], [0]), (1.0, 1.0))
    tokens = encode_tokens(coords + 3, labels, 64)[0]
    used = [POINT_SLOTS - 1]
    assert torch.nonzero(tokens.abs().sum(dim=1)).flatten().tolist() == used


def test_a_token_is_its_position_then_its_kind() -> None:
    coords, labels = prompt_slots(check([(10, 20)], [1], (2, 4, 30, 40)), (1.0, 1.0))
    tokens = encode_tokens(coords, labels, 64)[0, -3:]
    expected = position_features(torch.tensor([[10.5, 20.5], [2.0, 4.0], [30.0, 40.0]]) / 64)
    assert torch.equal(tokens[:, :POSITION_FEATURES], expected)
    kinds = tokens[:, POSITION_FEATURES:].argmax(dim=1).tolist()
    assert kinds == [
        PointLabel.POSITIVE,
        PointLabel.BOX_TOP_LEFT,
        PointLabel.BOX_BOTTOM_RIGHT,
    ]
    assert (tokens[:, POSITION_FEATURES:].sum(dim=1) == 1).all()


HUGE = [10**39, 10**400, -(10**400), 10**5000, 1e39, float("nan")]


@pytest.mark.parametrize("number", HUGE, ids=map(str, range(len(HUGE))))
def test_numbers_beyond_float32_are_prompt_errors(number: float) -> None:
    for given in (
        ([[number, 0]], [1], None),
        ([[1, 1]], [number], None),
        (None, None, [0, 0, number, 5]),
    ):
        with pytest.raises(PromptError):
            check_prompts(*given, width=9, height=9)
