"""Augmentation on tensors: photo and masks move together, colours change, objects are pasted."""

import math

import pytest
import torch
from torch.nn import functional as F

from squeezesam.spec import PAD_BYTE
from squeezesam.training.augmentation import (
    AugmentConfig,
    Batch,
    ColourConfig,
    PasteConfig,
    WarpConfig,
    augment,
    hue_rotations,
    paste,
    random_warps,
    recolour,
    warp,
)

STILL = WarpConfig(chance=0)
TRUE = ColourConfig(brightness=0, contrast=0, saturation=0, hue=0, grey=0, tint=0, blur=0, grain=0)
NO_PASTE = PasteConfig(chance=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(batch: int = 16, size: int = 128):
    """Bright discs on a dark ground, padded below: photo, masks and whole weights as bytes."""
    places = torch.arange(size)
    x, y = (torch.rand(2, batch, 1, 1, generator=generator()) * 0.3 + 0.25) * size
    disc = ((places[None, None] - x) ** 2 + (places[None, :, None] - y) ** 2) < (size / 6) ** 2
    photo = torch.where(disc, 220, 40)[:, None].expand(-1, 3, -1, -1).to(torch.uint8).clone()
    photo[:, :, size * 3 // 4 :] = PAD_BYTE
    masks = F.avg_pool2d(disc[:, None].float() * 255, 2).to(torch.uint8).expand(-1, 2, -1, -1)
    return photo, masks, torch.ones(batch)


def test_untouched_samples_are_only_scaled():
    photo, masks, whole = scenes()
    batch = augment(photo, masks, whole, AugmentConfig(STILL, TRUE, NO_PASTE), generator())
    torch.testing.assert_close(batch.image, (photo.float() - 128) / 128, atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.target, masks[:, :1] / 255.0, atol=1e-5, rtol=0)
    assert (batch.image[:, :, 96:] == 0).all()
    assert batch.shown[:, :, :48].all()
    assert not batch.shown[:, :, 48:].any()


@pytest.mark.parametrize("seed", range(5))
def test_photo_and_mask_are_warped_alike(seed):
    photo, masks, whole = scenes()
    config = AugmentConfig(WarpConfig(chance=1), TRUE, NO_PASTE)
    batch = augment(photo, masks, whole, config, generator(seed))
    bright = F.avg_pool2d(batch.image[:, :1], 2) > 0.2
    inside = batch.target > 0.5
    agreement = (bright & inside).sum((1, 2, 3)) / (bright | inside).sum((1, 2, 3))
    assert agreement.min() > 0.9
    areas = batch.target.sum(dim=(1, 2, 3))
    assert areas.min() > 0.2 * (masks[:, 0] / 255.0).sum(dim=(1, 2)).max()
    assert areas.max() > 1.2 * areas.min()


def test_a_warp_does_what_its_matrix_says():
    image = torch.zeros(1, 1, 64, 64)
    image[..., 10:14, 40:44] = 1
    quarter_turn = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    torch.testing.assert_close(warp(image, quarter_turn), image.rot90(1, (2, 3)).flip(2).flip(2))


def test_warps_stay_within_their_ranges():
    config = WarpConfig(chance=1, turn=10, stretch=1.2, zoom=(0.5, 2.0), shift=0.1)
    maps = random_warps(500, config, generator())
    area = torch.linalg.det(maps[:, :, :2])
    assert area.min() > 0.25 * 0.999
    assert area.max() < 4 * 1.001
    assert maps[:, :, 2].abs().max() <= 0.2
    # The image of the x axis turns by at most the angle plus what stretching adds.
    turned = torch.atan2(maps[:, 1, 0], maps[:, 0, 0]).abs()
    assert turned.max() < math.atan(math.tan(math.radians(10)) * 1.2) + 1e-4
    identity = torch.eye(2, 3).expand(4, -1, -1)
    assert torch.equal(random_warps(4, STILL, generator()), identity)


def test_colours_change_by_sample_and_stay_in_range():
    image = torch.rand(32, 3, 16, 16, generator=generator()) * 2 - 1
    changed = recolour(image, ColourConfig(), generator(1))
    assert changed.abs().max() <= 1
    moved = (changed - image).abs().mean(dim=(1, 2, 3))
    assert moved.min() > 0.005
    assert moved.std() > 0.01
    torch.testing.assert_close(recolour(image, TRUE, generator()), image)


def test_grey_is_grey_and_hue_keeps_grey():
    image = torch.rand(8, 3, 4, 4) * 0.2
    grey = ColourConfig(0, 0, 0, 0, grey=1, tint=0, blur=0, grain=0)
    channels = recolour(image, grey, generator())
    torch.testing.assert_close(channels[:, 0], channels[:, 2])
    turned = hue_rotations(torch.tensor([0.7]))[0]
    torch.testing.assert_close(turned @ torch.ones(3), torch.ones(3))
    torch.testing.assert_close(turned @ turned.T, torch.eye(3))


def test_pasted_objects_are_seen_and_masked():
    photo, masks, whole = scenes(64)
    base = augment(photo, masks, whole, AugmentConfig(STILL, TRUE, NO_PASTE), generator())
    dark = base._replace(image=base.image - 0.3)
    wanted = PasteConfig(chance=1, is_target=1, zoom=(0.5, 0.8))
    batch = paste(dark, wanted, generator(2))
    bright = F.avg_pool2d(batch.image[:, :1], 2) > 0
    inside = batch.target > 0.9
    assert bright[inside].float().mean() > 0.97
    assert torch.equal(batch.target, batch.asked)
    assert not (batch.target > 0)[~batch.shown].any()
    occluding = PasteConfig(chance=1, is_target=0, zoom=(0.3, 0.4))
    batch = paste(dark, occluding, generator(2))
    left = batch.target.sum((1, 2, 3)) / dark.target.sum((1, 2, 3))
    replaced = (batch.target > dark.target + 1e-6).flatten(1).any(dim=1)
    assert left[~replaced].min() >= occluding.keep
    assert left.min() < 1


def test_pieces_are_never_pasted():
    photo, masks, whole = scenes(8)
    parts = augment(
        photo, masks, torch.zeros(8), AugmentConfig(STILL, TRUE, PasteConfig(chance=1)), generator()
    )
    plain = augment(photo, masks, torch.zeros(8), AugmentConfig(STILL, TRUE, NO_PASTE), generator())
    assert torch.equal(parts.image, plain.image)
    assert isinstance(parts, Batch)
    assert len(whole) == 8


@pytest.mark.parametrize("seed", range(3))
def test_every_target_remains_clickable(seed):
    photo, masks, whole = scenes(64)
    masks = masks.clone()
    masks[:, 1] = 0  # nothing of the clicked piece is left
    masks[:, 1, 0, 0] = 255
    batch = augment(photo, masks, whole, AugmentConfig(), generator(seed))
    assert (batch.target > 0.5).flatten(1).any(dim=1).all()
    assert torch.equal(batch.asked, batch.target)
