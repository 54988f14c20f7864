"""How the simulated user of training opens: clicks, several clicks, a box, wrong clicks.

Evaluation clicks exactly at the point farthest from the border (`squeezesam.evaluation.clicks`);
here clicks are sloppy, so that the network learns to read sloppy users too.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import BOX_SLOTS, MAP_STRIDE, POINT_SLOTS, PointLabel
from squeezesam.training.chance import happens
from squeezesam.training.clicks import error_click, random_click, section_clicks
from squeezesam.training.outliers import OutlierConfig, wrong_clicks

SECTIONS = 5
"""Clicks of the salient pipeline, and the most that a user opens with."""

MOST_NEGATIVES = 3
"""Negative clicks that a user opens with at the most."""

FURTHER_NEGATIVE = 0.5
"""Chance that one negative click is followed by another."""

NEAR_STRIDE = 8
"""Mask pixels per cell in which closeness is measured; one cell beyond the object is close."""


@dataclass(frozen=True)
class PromptConfig:
    """How often a simulated user opens with what.

    Attributes:
        box: chance of a box alone.
        box_and_click: chance of a box and a click.
        several: chance of 2 to 5 clicks at once.
        salient: chance of the salient pipeline's five clicks.
        negative: chance of an early negative click on the background, and of each further one.
        near: chance that it falls close to the object.
        box_jitter: largest shift of a box side over the box's size.
        forget_mask: chance that an answer is not given back with the next click.
        outliers: clicks on the background that claim to be on the object.
    """

    box: float = 0.07
    box_and_click: float = 0.05
    several: float = 0.15
    salient: float = 0.08
    negative: float = 0.12
    near: float = 0.6
    box_jitter: float = 0.08
    forget_mask: float = 0.2
    outliers: OutlierConfig = field(default_factory=OutlierConfig)


class Slots(NamedTuple):
    """Prompts as `squeezesam.prompts.encode_prompts` takes them.

    Attributes:
        coords: [B, 16, 2] (x, y) in input pixels, points oldest first, then two box corners.
        labels: [B, 16] codes of `PointLabel`.
    """

    coords: Tensor
    labels: Tensor

    def add(self, coords: Tensor, labels: Tensor) -> "Slots":
        """With N more clicks, [B, N, 2] and [B, N]: the oldest slots give way, not the box."""
        count = labels.shape[1]
        return Slots(
            *(
                torch.cat([old[:, count:-BOX_SLOTS], new, old[:, -BOX_SLOTS:]], dim=1)
                for old, new in ((self.coords, coords), (self.labels, labels))
            )
        )


def opening_prompts(
    target: Tensor,
    asked: Tensor,
    shown: Tensor,
    config: PromptConfig,
    generator: torch.Generator,
) -> Slots:
    """The first thing that the simulated user says about each target.

    Args:
        target: [B, 1, S, S] bool, nowhere empty.
        asked: [B, 1, S, S] bool, the piece of the target that the first click falls on.
        shown: [B, 1, S, S] bool, False on the padding.
        config: chances.
        generator: source of randomness.
    """
    batch, device = len(target), target.device

    def chosen(chance: float) -> Tensor:  # [B, 1]
        return happens(batch, chance, generator)[:, None]

    def code(labels: Tensor | PointLabel, where: Tensor) -> Tensor:
        labels = torch.as_tensor(int(labels) if isinstance(labels, PointLabel) else labels)
        return torch.where(where, labels.to(device), int(PointLabel.PAD))

    boxed = chosen(config.box + config.box_and_click)
    silent = boxed & chosen(config.box / max(config.box + config.box_and_click, 1e-6))
    slots = Slots(
        torch.zeros(batch, POINT_SLOTS + BOX_SLOTS, 2, device=device),
        torch.full((batch, POINT_SLOTS + BOX_SLOTS), int(PointLabel.PAD), device=device),
    )
    slots.coords[:, -BOX_SLOTS:] = jittered_boxes(target, config.box_jitter, generator)
    slots.labels[:, -2:] = code(torch.tensor([2, 3]), boxed)

    background = shown & ~target
    around = background & surroundings(target)
    near = chosen(config.near) & around.flatten(1).any(dim=1, keepdim=True)
    place = torch.where(near[..., None, None], around, background)
    negative = chosen(config.negative) & ~silent & place.flatten(1).any(1, keepdim=True)
    for _ in range(MOST_NEGATIVES):
        slots = slots.add(random_click(place, generator), code(PointLabel.NEGATIVE, negative))
        negative = negative & chosen(FURTHER_NEGATIVE)

    several = chosen(config.several) & ~silent
    salient = chosen(config.salient) & ~boxed
    first, label = error_click(asked, torch.zeros_like(asked), generator)
    extra = [random_click(target, generator) for _ in range(SECTIONS - 1)]
    clicks = torch.where(
        salient[..., None], section_clicks(target), torch.cat([*extra, first], dim=1)
    )
    count = torch.randint(2, SECTIONS + 1, (batch, 1), generator=generator, device=device)
    place = torch.arange(SECTIONS, device=device)  # the first click stands last
    given = salient | (several & (place >= SECTIONS - count)) | (place == SECTIONS - 1)
    slots = slots.add(clicks, code(PointLabel.POSITIVE, given & ~silent & (label >= 0)))
    where, wrong = wrong_clicks(slots.labels, background, config.outliers, generator)
    return slots.add(where, wrong)


def surroundings(target: Tensor) -> Tensor:
    """Where a click is close to each object: [B, 1, S, S] bool, the object itself included."""
    side = target.shape[-1]
    small = F.adaptive_max_pool2d(target.float(), side // NEAR_STRIDE)
    return F.interpolate(F.max_pool2d(small, 3, stride=1, padding=1), size=(side, side)) > 0


def jittered_boxes(target: Tensor, jitter: float, generator: torch.Generator) -> Tensor:
    """Bounding boxes, each side moved by up to `jitter` of the size: [B, 2, 2] in input pixels."""
    side = target.shape[-1]

    def extent(occupied: Tensor) -> tuple[Tensor, Tensor]:  # [B, S]
        first = occupied.float().argmax(dim=1)
        return first, side - occupied.flip(1).float().argmax(dim=1)

    left, right = extent(target.any(dim=2)[:, 0])
    top, bottom = extent(target.any(dim=3)[:, 0])
    low = torch.stack([left, top], dim=1).float()
    high = torch.stack([right, bottom], dim=1).float()
    noise = torch.rand(2, *low.shape, generator=generator, device=target.device) * 2 - 1
    shift = noise * jitter * (high - low)
    corners = torch.stack([low + shift[0], high + shift[1]], dim=1).clamp(0, side)
    return corners * MAP_STRIDE
