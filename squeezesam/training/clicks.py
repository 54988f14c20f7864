"""The simulated user of training: clicks on the largest error, batched on tensors.

Evaluation clicks exactly at the point farthest from the border (`squeezesam.evaluation.clicks`);
here the point is drawn from anywhere between the border and that centre, so that the network learns
to read sloppy clicks too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import BOX_SLOTS, MAP_STRIDE, POINT_SLOTS, PointLabel

DEPTH_SIDE = 64
"""Error regions are eroded at this resolution; finer costs time and moves no click."""


@dataclass(frozen=True)
class PromptConfig:
    """How often a simulated user opens with what.

    Attributes:
        box: chance of a box alone.
        box_and_click: chance of a box and a click.
        background_click: chance of an early negative click somewhere outside (outlier injection).
        box_jitter: largest shift of a box side over the box's size.
    """

    box: float = 0.08
    box_and_click: float = 0.08
    background_click: float = 0.08
    box_jitter: float = 0.08


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
    # Threshold 1 leaves only the centre of the region, 0 all of it.
    threshold = torch.rand(batch, 1, generator=generator, device=device)
    noise = torch.rand(depth.shape, generator=generator, device=device) + 0.1
    cell = (noise * (depth >= threshold * depth.amax(dim=1, keepdim=True))).argmax(dim=1)
    in_cell = F.one_hot(cell, DEPTH_SIDE**2).view(batch, 1, DEPTH_SIDE, DEPTH_SIDE).float()
    in_cell = F.interpolate(in_cell, size=(side, side), mode="nearest").flatten(1)
    error = errors.flatten(2).gather(1, chosen[..., None].expand(-1, -1, side * side))[:, 0]
    noise = torch.rand(error.shape, generator=generator, device=device) + 0.1
    # The drawn cell may hold no error when the threshold is 0: any error pixel then beats none.
    pixel = (error * noise * (in_cell + 1e-3)).argmax(dim=1)
    centres = torch.stack([pixel % side, pixel // side], dim=1) + 0.5
    labels = torch.where(wrong, int(PointLabel.NEGATIVE), int(PointLabel.POSITIVE))
    labels = torch.where(deepest.amax(dim=1) > 0, labels, int(PointLabel.PAD))
    return centres[:, None] * MAP_STRIDE, labels[:, None]


def append_click(
    coords: Tensor, labels: Tensor, click: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Slots with one more click: the oldest point slot gives way, the box corners stay last."""
    coords = torch.cat([coords[:, 1:-BOX_SLOTS], click[0], coords[:, -BOX_SLOTS:]], dim=1)
    labels = torch.cat([labels[:, 1:-BOX_SLOTS], click[1], labels[:, -BOX_SLOTS:]], dim=1)
    return coords, labels


def opening_prompts(
    target: Tensor, config: PromptConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The first thing that the simulated user says about each target.

    Args:
        target: [B, 1, S, S] bool, nowhere empty.
        config: chances.
        generator: source of randomness.

    Returns:
        coords [B, 16, 2] and labels [B, 16] as `squeezesam.prompts.encode_prompts` takes them.
    """
    batch, device = len(target), target.device
    coords = torch.zeros(batch, POINT_SLOTS + BOX_SLOTS, 2, device=device)
    labels = torch.full(coords.shape[:2], int(PointLabel.PAD), device=device)

    def chance(probability: float) -> Tensor:
        return torch.rand(batch, generator=generator, device=device) < probability

    boxed = chance(config.box + config.box_and_click)
    silent = boxed & chance(config.box / max(config.box + config.box_and_click, 1e-6))
    coords[:, -BOX_SLOTS:] = jittered_boxes(target, config.box_jitter, generator)
    labels[:, -2] = torch.where(boxed, int(PointLabel.BOX_TOP_LEFT), int(PointLabel.PAD))
    labels[:, -1] = torch.where(boxed, int(PointLabel.BOX_BOTTOM_RIGHT), int(PointLabel.PAD))

    outside = error_click(~target, torch.zeros_like(target), generator)
    negative = torch.where(chance(config.background_click) & ~silent, 0, int(PointLabel.PAD))
    coords, labels = append_click(coords, labels, (outside[0], negative[:, None]))
    where, label = error_click(target, torch.zeros_like(target), generator)
    label = label.masked_fill(silent[:, None], int(PointLabel.PAD))
    return append_click(coords, labels, (where, label))


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
