"""From bytes to a batch: scaling and all augmentation, on the training device."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import MAP_STRIDE, PAD_BYTE
from squeezesam.training.batch import Batch
from squeezesam.training.chance import per_sample
from squeezesam.training.colour import ColourConfig, recolour
from squeezesam.training.geometry import WarpConfig, random_warps, warp
from squeezesam.training.pasting import PasteConfig, paste
from squeezesam.transforms import scaled

LEAST_LEFT = 0.5
"""Share of the object that a warp must leave in the picture; else the sample stays as it was."""

LEAST_CLICKABLE = 4.0
"""Mask pixels of the clicked piece that must be left; else the whole object is clicked."""


@dataclass(frozen=True)
class AugmentConfig:
    """The three augmentations that run on the device, in their order."""

    warp: WarpConfig = field(default_factory=WarpConfig)
    colour: ColourConfig = field(default_factory=ColourConfig)
    paste: PasteConfig = field(default_factory=PasteConfig)


def augment(
    photo: Tensor, masks: Tensor, whole: Tensor, config: AugmentConfig, generator: torch.Generator
) -> Batch:
    """Scale, warp, recolour and compose a batch of raw samples.

    Args:
        photo: [B, 3, S, S] uint8, padded with PAD_BYTE to the right and below.
        masks: [B, 2, S/2, S/2] uint8 coverage: whole object, clicked piece.
        whole: [B] weight of the whole-object mask.
        config: chances and ranges.
        generator: source of randomness, on the device of the rest.
    """
    image = scaled(photo.float())
    shown = (photo != PAD_BYTE).any(dim=1, keepdim=True).float()
    coverage = masks.float() / 255
    maps = keep_objects(coverage[:, :1], random_warps(len(photo), config.warp, generator))
    image = warp(recolour(image, config.colour, generator).mul_(shown), maps)
    shown = F.avg_pool2d(shown, MAP_STRIDE)
    target, asked, shown = warp(torch.cat([coverage, shown], dim=1), maps).split(1, dim=1)
    batch = Batch(image, target, asked, shown > 0.99, whole)
    batch = paste(batch, config.paste, generator)
    clickable = (batch.asked > 0.5).sum(dim=(1, 2, 3)) >= LEAST_CLICKABLE
    return batch._replace(asked=torch.where(per_sample(clickable), batch.asked, batch.target))


def keep_objects(target: Tensor, maps: Tensor) -> Tensor:
    """Replace each warp that would push most of its object out of the picture by the identity."""
    small = F.avg_pool2d(target, 8 // MAP_STRIDE)
    before, after = (x.sum(dim=(1, 2, 3)) for x in (small, warp(small, maps)))
    area = torch.linalg.det(maps[:, :, :2]).abs()  # input area that one unit of output area shows
    kept = after * area >= LEAST_LEFT * before
    identity = torch.eye(2, 3, device=maps.device)
    return torch.where(kept[:, None, None], maps, identity)
