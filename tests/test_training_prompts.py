"""The simulated user of training."""

import dataclasses

import pytest
import torch

from squeezesam.spec import MAP_STRIDE, PointLabel
from squeezesam.training.simulated_user import (
    MOST_NEGATIVES,
    NEAR_STRIDE,
    OutlierConfig,
    PromptConfig,
    Slots,
    erosion_depth,
    error_click,
    opening_prompts,
    random_click,
    section_clicks,
    wrong_clicks,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def disc(side, cx, cy, radius):
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return ((x - cx) ** 2 + (y - cy) ** 2 < radius**2)[None, None]


def under(mask, coords):
    """Values of masks [B, 1, S, S] under clicks [B, N, 2]: [B, N]."""
    x, y = (coords / 2).long().unbind(dim=2)
    return torch.stack([mask[i, 0, y[i], x[i]] for i in range(len(mask))])


def test_depth_counts_the_distance_to_the_border():
    error = torch.zeros(1, 1, 64, 64)
    error[..., 10:21, 30:41] = 1  # 11 x 11
    depth = erosion_depth(error)
    assert depth[0, 0, 15, 35] == 1 + 6
    assert depth[0, 0, 10, 35] == 1 + 1
    assert depth[0, 0, 9, 35] == 0


@pytest.mark.parametrize("seed", range(8))
def test_clicks_land_on_the_error_with_its_label(seed):
    target = torch.cat([disc(128, 40, 60, 25), disc(128, 90, 30, 3)])
    answer = torch.cat([disc(128, 40, 60, 10), disc(128, 80, 90, 20) | disc(128, 90, 30, 3)])
    coords, labels = error_click(target, answer, generator(seed))
    assert labels[:, 0].tolist() == [PointLabel.POSITIVE, PointLabel.NEGATIVE]
    assert under(target & ~answer, coords)[0]
    assert under(answer & ~target, coords)[1]


def test_a_perfect_answer_gets_no_click():
    target = disc(64, 30, 30, 10)
    assert error_click(target, target, generator())[1].tolist() == [[PointLabel.PAD]]


def test_a_one_pixel_object_is_still_clicked():
    target = disc(256, 200, 17, 1)
    coords, labels = error_click(target, torch.zeros_like(target), generator())
    assert labels.item() == PointLabel.POSITIVE
    assert (coords / 2).floor().tolist() == [[[200, 17]]]


def test_clicks_gather_at_the_centre():
    target = disc(128, 64, 64, 40).expand(300, -1, -1, -1)
    coords, _ = error_click(target, torch.zeros_like(target), generator())
    distance = (coords[:, 0] / 2 - 64.5).norm(dim=1)
    assert distance.max() <= 41
    assert distance.median() < 40 * 0.5**0.5  # half of a disc lies within this radius
    anywhere = random_click(target, generator())
    assert under(target, anywhere).all()
    assert (anywhere[:, 0] / 2 - 64.5).norm(dim=1).median() > distance.median()


def test_five_clicks_lie_in_the_five_sections():
    square = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    square[..., 10:51, 20:41] = True
    clicks = section_clicks(square)[0] / 2
    assert clicks[0].tolist() == [30.5, 30.5]
    quarters = {(x < 30.5, y < 30.5) for x, y in clicks[1:].tolist()}
    assert len(quarters) == 4


def test_sections_of_a_concave_object_are_clicked_inside():
    ring = disc(128, 64, 64, 50) & ~disc(128, 64, 64, 35)
    line = torch.zeros_like(ring)
    line[..., 64, 3:120] = True
    shapes = torch.cat([ring, line])
    clicks = section_clicks(shapes)
    assert under(shapes, clicks).all()


SILENCE = PromptConfig(
    box=0, box_and_click=0, several=0, salient=0, negative=0, outliers=OutlierConfig(chance=0)
)


def opened(config, target):
    return opening_prompts(target, target, torch.ones_like(target), config, generator())


def test_openings_are_what_the_chances_say():
    target = disc(64, 30, 30, 12).expand(64, -1, -1, -1)
    coords, labels = opened(SILENCE, target)
    assert (labels == PointLabel.POSITIVE).sum(dim=1).tolist() == [1] * 64
    assert (labels == PointLabel.PAD).sum(dim=1).tolist() == [15] * 64
    coords, labels = opened(dataclasses.replace(SILENCE, box=1.0), target)
    assert (labels[:, :-2] == PointLabel.PAD).all()
    assert (labels[:, -2:] == torch.tensor([2, 3])).all()
    sides = coords[:, -1] - coords[:, -2]
    assert ((sides > 2 * 23 * 0.8) & (sides < 2 * 23 * 1.2)).all()
    _, labels = opened(dataclasses.replace(SILENCE, several=1.0), target)
    assert set((labels == PointLabel.POSITIVE).sum(dim=1).tolist()) == {2, 3, 4, 5}
    coords, labels = opened(dataclasses.replace(SILENCE, salient=1.0), target)
    shown = labels == PointLabel.POSITIVE
    assert (shown.sum(dim=1) == 5).all()
    torch.testing.assert_close(coords[0][shown[0]], section_clicks(target)[0])
    coords, labels = opened(dataclasses.replace(SILENCE, negative=1.0), target)
    beside = (labels == PointLabel.NEGATIVE).nonzero()
    counts = (labels == PointLabel.NEGATIVE).sum(dim=1)
    assert set(counts.tolist()) == set(range(1, MOST_NEGATIVES + 1))
    assert not under(target, coords[beside[:, 0], beside[:, 1]][:, None]).any()


def test_negative_clicks_fall_near_the_object_as_often_as_told():
    target = disc(128, 30, 30, 12).expand(256, -1, -1, -1)

    def close(near):
        config = dataclasses.replace(SILENCE, negative=1.0, near=near)
        coords, labels = opened(config, target)
        points = coords[labels == PointLabel.NEGATIVE] / MAP_STRIDE - 30
        return (points.norm(dim=1) < 12 + 2 * 1.5 * NEAR_STRIDE).float().mean()

    assert close(near=1.0) == 1.0
    assert close(near=0.0) < 0.3


def test_nobody_clicks_on_padding_or_beside_an_object_that_fills_the_photo():
    target = torch.ones(8, 1, 64, 64, dtype=torch.bool)
    always = dataclasses.replace(
        SILENCE, several=1.0, negative=1.0, outliers=OutlierConfig(chance=1.0)
    )
    coords, labels = opened(always, target)
    assert not (labels == PointLabel.NEGATIVE).any()
    shown = torch.zeros_like(target)
    shown[..., :40, :] = True
    target = target & shown & (torch.arange(64) < 20)
    coords, labels = opening_prompts(target, target, shown, always, generator())
    assert (labels == PointLabel.NEGATIVE).any(dim=1).all()
    assert coords[labels >= 0][:, 1].max() < 80


def test_outliers_need_enough_good_clicks():
    target = disc(64, 30, 30, 12).expand(3, -1, -1, -1)
    labels = torch.full((3, 16), int(PointLabel.PAD))
    labels[1, :2] = PointLabel.POSITIVE
    labels[2, :3] = PointLabel.POSITIVE
    config = OutlierConfig(chance=1.0, least_clicks=3)
    coords, wrong = wrong_clicks(labels, ~target, config, generator())
    assert wrong[:, 0].tolist() == [PointLabel.PAD, PointLabel.PAD, PointLabel.POSITIVE]
    assert not under(target, coords).any()
    never = wrong_clicks(labels, ~target, OutlierConfig(chance=0), generator())[1]
    assert (never == PointLabel.PAD).all()


def test_the_oldest_click_gives_way_and_the_box_stays():
    slots = Slots(torch.arange(16.0).view(1, 16, 1).expand(-1, -1, 2), torch.arange(16)[None]).add(
        torch.full((1, 2, 2), 99.0), torch.tensor([[1, 0]])
    )
    assert slots.labels.tolist() == [[*range(2, 14), 1, 0, 14, 15]]
    assert slots.coords[0, 13].tolist() == [99, 99]
