"""Copy-paste composition: whole objects of other samples of the batch, put onto this photo.

The pasted object is then either what is asked for, or an occluder to leave out.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import MAP_STRIDE
from squeezesam.training.batch import Batch
from squeezesam.training.chance import happens, log_uniform, per_sample, uniform
from squeezesam.training.geometry import warp

CROWD = (0, 2, 3)
"""Places before a sample at which the objects of its crowd are found; 0 is its own once more."""


@dataclass(frozen=True)
class PasteConfig:
    """How objects are pasted.

    Attributes:
        chance: share of the samples that receive one; 0 switches off, the crowd included.
        is_target: chance that the pasted object is the one asked for.
        zoom: smallest and largest scale of the pasted crop.
        shift: largest shift over the input's side.
        keep: share of the target that must stay visible behind the pasted object.
        smallest: share of the input that the pasted object must cover.
        joins: the pasted object is asked for together with what is left of the other.
        crowd: chance of each of three more objects that are never asked for: the object itself once
            more, so that there are two of a kind, and objects of two other samples.
    """

    chance: float = 0.45
    is_target: float = 0.55
    zoom: tuple[float, float] = (0.3, 1.0)
    shift: float = 0.35
    keep: float = 0.4
    smallest: float = 0.004
    joins: bool = False
    crowd: float = 0.15


def paste(batch: Batch, config: PasteConfig, generator: torch.Generator) -> Batch:
    """Paste the object of the sample before onto some samples, where both suit.

    Args:
        batch: already warped and recoloured, so that foreground and background differ in light.
        config: chances and ranges.
        generator: source of randomness.
    """
    if not config.chance:
        return batch
    donors = batch
    batch = paste_one(batch, donors, 1, config.chance, config.is_target, config, generator)
    if config.joins:
        return batch
    for step in CROWD:
        batch = paste_one(batch, donors, step, config.crowd, 0.0, config, generator)
    return batch


def paste_one(
    batch: Batch,
    donors: Batch,
    step: int,
    chance: float,
    is_target: float,
    config: PasteConfig,
    generator: torch.Generator,
) -> Batch:
    """Paste one object onto some samples.

    Args:
        batch: what is pasted onto.
        donors: the batch as it was before anything was pasted.
        step: how many places before the sample its donor stands.
        chance: share of the samples that receive the object.
        is_target: chance that it becomes the object asked for; where this is 0 and it would hide
            too much of the object, it is left out.
        config: ranges.
        generator: source of randomness.
    """
    eligible = donors.whole.roll(step) == 1
    chosen = (happens(len(batch.whole), chance, generator) & eligible).nonzero()[:, 0]
    if not len(chosen):
        return batch
    photo, target, asked, shown, whole = (part[chosen] for part in batch)
    donor = (chosen - step) % len(batch.whole)
    maps = paste_maps(len(chosen), config, generator)
    pasted = warp(donors.target[donor], maps) * shown  # [K, 1, S/2, S/2]
    left_over = target * (1 - pasted)
    visible = left_over.sum(dim=(1, 2, 3)) / target.sum(dim=(1, 2, 3)).clamp(min=1)
    suits = pasted.mean(dim=(1, 2, 3)) >= config.smallest
    hides = visible < config.keep
    if not is_target:
        suits &= ~hides
    pasted = pasted * per_sample(suits)
    replaces = suits & (happens(len(chosen), is_target, generator) | hides)
    alpha = F.interpolate(pasted, scale_factor=float(MAP_STRIDE), mode="bilinear")
    photo = torch.lerp(photo, warp(donors.image[donor], maps), alpha)

    def masked(mask: Tensor) -> Tensor:
        rest = mask * (1 - pasted)
        if config.joins:
            return rest + pasted
        return torch.where(per_sample(replaces), pasted, rest)

    changed = Batch(photo, masked(target), masked(asked), shown, torch.where(replaces, 1.0, whole))
    return Batch(*(old.index_copy(0, chosen, new) for old, new in zip(batch, changed, strict=True)))


def paste_maps(count: int, config: PasteConfig, generator: torch.Generator) -> Tensor:
    """Maps from output to donor positions, in units of half the side: [K, 2, 3]."""
    zoom = log_uniform(count, config.zoom, generator)
    x, y = (uniform(count, -2 * config.shift, 2 * config.shift, generator) for _ in range(2))
    zero = torch.zeros_like(zoom)
    # The donor lands at zoom * position + shift; sampling needs the way back.
    rows = torch.stack([1 / zoom, zero, -x / zoom, zero, 1 / zoom, -y / zoom], dim=1)
    return rows.view(count, 2, 3)
