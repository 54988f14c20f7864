"""Where the simulated user of training clicks, batched on tensors.

Evaluation clicks exactly at the point farthest from the border (`squeezesam.evaluation.clicks`);
here the point is drawn from anywhere between the border and that centre, so that the network learns
to read sloppy clicks too.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import MAP_STRIDE, PointLabel

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

    The rule is that of `squeezesam.saliency.clicks`, ties included, and so is its arithmetic of
    whole numbers.

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
