"""The simulated user of training: how it opens, where it clicks, and where it errs.

Evaluation clicks exactly at the point farthest from the border, as
`squeezesam/evaluation/protocol.py` says. Here the point is drawn from anywhere between the border
and that centre, so that the network learns to read sloppy clicks too.

A salient-object detector, or a hasty thumb, puts a click beside the object. Among enough good
clicks the network should see through it; alone with one other click nobody could.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import BOX_SLOTS, MAP_STRIDE, POINT_SLOTS, PointLabel
from squeezesam.training.augmentation import happens

DEPTH_SIDE = 64
"""Error regions are eroded at this resolution; finer costs time and moves no click."""


def erosion_depth(error: Tensor) -> Tensor:
    """Steps of 3x3 erosion that each cell survives, plus its error share.

    Args:
        error: [B, 1, S, S] in 0..1.

    Returns:
        [B, 1, 64, 64]; 0 only where a cell holds no error at all.
    """
    share = F.adaptive_avg_pool2d(error, DEPTH_SIDE)
    depth, alive = share, (share > 0.5).float()
    while alive.any():
        depth = depth + alive
        alive = -F.max_pool2d(-F.pad(alive, (1, 1, 1, 1)), 3, stride=1)
    return depth


def error_click(
    target: Tensor, answer: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One click per sample inside its deepest error region.

    Args:
        target: [B, 1, S, S] bool.
        answer: [B, 1, S, S] bool, all False before the first click.
        generator: source of randomness.

    Returns:
        coords [B, 1, 2] (x, y) in input pixels and labels [B, 1]: POSITIVE on a missed pixel,
        NEGATIVE on a wrong one, PAD where the answer has no error.
    """
    batch, _, side, _ = target.shape
    errors = torch.cat([target & ~answer, answer & ~target], dim=1).float()
    depth = erosion_depth(errors.flatten(0, 1)[:, None]).view(batch, 2, -1)
    deepest = depth.amax(dim=2)  # [B, 2]
    wrong = deepest[:, 1] > deepest[:, 0]
    chosen = wrong.long()[:, None]
    depth = depth.gather(1, chosen[..., None].expand(-1, -1, depth.shape[2]))[:, 0]
    device = target.device
    # Threshold 1 leaves only the centre of the region, 0 all of it; most people aim at the centre.
    threshold = torch.rand(batch, 1, generator=generator, device=device).sqrt()
    noise = torch.rand(depth.shape, generator=generator, device=device) + 0.1
    cell = (noise * (depth >= threshold * depth.amax(dim=1, keepdim=True))).argmax(dim=1)
    in_cell = F.one_hot(cell, DEPTH_SIDE**2).view(batch, 1, DEPTH_SIDE, DEPTH_SIDE).float()
    in_cell = F.interpolate(in_cell, size=(side, side), mode="nearest").flatten(1)
    error = errors.flatten(2).gather(1, chosen[..., None].expand(-1, -1, side * side))[:, 0]
    noise = torch.rand(error.shape, generator=generator, device=device) + 0.1
    # The drawn cell may hold no error when the threshold is 0: any error pixel then beats none.
    pixel = (error * noise * (in_cell + 1e-3)).argmax(dim=1)
    labels = torch.where(wrong, int(PointLabel.NEGATIVE), int(PointLabel.POSITIVE))
    labels = torch.where(deepest.amax(dim=1) > 0, labels, int(PointLabel.PAD))
    return pixel_centres(pixel, side), labels[:, None]


def random_click(region: Tensor, generator: torch.Generator) -> Tensor:
    """One point anywhere in each region.

    Args:
        region: [B, 1, S, S] bool; the point of an empty region has no meaning.
        generator: source of randomness.

    Returns:
        [B, 1, 2] (x, y) in input pixels.
    """
    noise = torch.rand(region.shape, generator=generator, device=region.device) + 0.1
    return pixel_centres((noise * region).flatten(1).argmax(dim=1), region.shape[-1])


def section_clicks(target: Tensor) -> Tensor:
    """The five clicks of the salient pipeline: centres of mass of the object and of its quarters.

    The rule is that of `squeezesam.inference.saliency_prompt`, ties included, and so is its
    arithmetic of whole numbers.

    Args:
        target: [B, 1, S, S] bool, nowhere empty.

    Returns:
        [B, 5, 2] (x, y) in input pixels, the whole object first.
    """
    side = target.shape[-1]
    places = torch.arange(side, device=target.device)
    y, x = (places.view(shape) for shape in ((1, 1, -1, 1), (1, 1, 1, -1)))
    farthest = torch.iinfo(torch.int64).max

    def nearest_to_centre(section: Tensor) -> Tensor:  # [B, 1, S, S] bool -> [B, 1] pixel index
        count = section.sum(dim=(2, 3), keepdim=True)
        down, across = (
            count * axis - (axis * section).sum((2, 3), keepdim=True) for axis in (y, x)
        )
        distance = torch.where(section, down**2 + across**2, farthest)
        return distance.flatten(1).argmin(dim=1, keepdim=True)

    whole = nearest_to_centre(target)
    below, right = (y > (whole // side).view(-1, 1, 1, 1)), (x > (whole % side).view(-1, 1, 1, 1))
    pixels = [whole]
    for low in (~below, below):
        for far in (~right, right):
            section = target & low & far
            filled = section.flatten(1).any(dim=1, keepdim=True)
            pixels.append(torch.where(filled, nearest_to_centre(section), whole))
    return torch.cat([pixel_centres(pixel[:, 0], side) for pixel in pixels], dim=1)


def pixel_centres(pixels: Tensor, side: int) -> Tensor:
    """Flat indices [B] into side x side masks -> their centres [B, 1, 2] in input pixels."""
    places = torch.stack([pixels % side, pixels // side], dim=1) + 0.5
    return places[:, None] * MAP_STRIDE


@dataclass(frozen=True)
class OutlierConfig:
    """When a click goes astray.

    Attributes:
        chance: share of the samples with enough good clicks that get a wrong one; 0 switches off.
        least_clicks: good clicks that make it possible to tell.
    """

    chance: float = 0.3
    least_clicks: int = 3


def wrong_clicks(
    labels: Tensor, background: Tensor, config: OutlierConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One more click per sample, on the background but labelled POSITIVE.

    Args:
        labels: [B, P] of the clicks already given.
        background: [B, 1, S, S] bool, shown and not of the object.
        config: chances.
        generator: source of randomness.

    Returns:
        coords [B, 1, 2] in input pixels and labels [B, 1], PAD where the user makes no mistake.
    """
    good = (labels == PointLabel.POSITIVE).sum(dim=1)
    possible = (good >= config.least_clicks) & background.flatten(1).any(dim=1)
    astray = possible & happens(len(labels), config.chance, generator)
    wrong = torch.where(astray, int(PointLabel.POSITIVE), int(PointLabel.PAD))
    return random_click(background, generator), wrong[:, None]


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
    """Prompts as `squeezesam.inference.prompts.encode_prompts` takes them.

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
