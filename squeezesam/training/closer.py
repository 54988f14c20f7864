"""A closer look in training: the answer says where the object is, and is asked again there.

The predictor looks at a photo twice (`squeezesam.inference.looks`): a glance at all of it, then a
look at the surroundings of what the glance found, with the glance as previous mask. Here the
second look is cut out of the first one's picture, so it is less sharp than the predictor's, which
reads the photo again.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from squeezesam.spec import MAP_STRIDE, MASK_THRESHOLD, PointLabel
from squeezesam.training.augmentation import Batch, log_uniform, warp
from squeezesam.training.simulated_user import Slots


@dataclass(frozen=True)
class CloserConfig:
    """How often and how close the second look is.

    Attributes:
        chance: share of the batches that are looked at twice; 0 switches off.
        surroundings: smallest and largest side of the window over the long side of what is in it.
        smallest: side of the window over the side of the picture, at the least: what is enlarged
            further is too blurred to teach anything.
    """

    chance: float = 0.5
    surroundings: tuple[float, float] = (1.25, 1.8)
    smallest: float = 0.3


def closer_look(
    batch: Batch, slots: Slots, previous: Tensor, config: CloserConfig, generator: torch.Generator
) -> tuple[Batch, Slots, Tensor]:
    """The same question in a window around the answer and the clicks on the object.

    Args:
        batch: pictures of S x S pixels and what is asked for.
        slots: prompts so far; clicks that fall outside of the window become unused.
        previous: [B, 1, S/2, S/2], logits of the answer.
        config: how close.
        generator: source of randomness.
    """
    side = float(batch.image.shape[-1])
    positive = (slots.labels != PointLabel.PAD) & (slots.labels != PointLabel.NEGATIVE)
    low, high = extents((previous > MASK_THRESHOLD) & batch.shown, slots.coords, positive)
    grow = log_uniform(len(previous), config.surroundings, generator).view(-1, 1)
    window = ((high - low).amax(dim=1, keepdim=True) * grow).clamp(config.smallest * side, side)
    corner = ((low + high - window) / 2).clamp(min=0).minimum(side - window)  # [B, 2]

    zoom = window / side
    shift = (2 * corner + window) / side - 1  # of the centre, in units of half the side
    maps = torch.cat([torch.diag_embed(zoom.expand(-1, 2)), shift[..., None]], dim=2)
    whole = torch.cat([batch.target, batch.asked, batch.shown.float(), previous], dim=1)
    target, asked, shown, answer = warp(whole, maps).split(1, dim=1)
    image = warp(batch.image, maps)
    nearer = Batch(image, target, asked, shown > 0.99, batch.whole)

    coords = (slots.coords - corner[:, None]) / zoom[:, None]
    inside = ((coords >= 0) & (coords < side)).all(dim=2) | (
        slots.labels >= PointLabel.BOX_TOP_LEFT
    )
    labels = torch.where(inside, slots.labels, int(PointLabel.PAD))
    return nearer, Slots(coords.clamp(0, side), labels), answer


def extents(mask: Tensor, coords: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
    """Corners of the box around a mask and points, in input pixels.

    Args:
        mask: [B, 1, S/2, S/2] bool.
        coords: [B, N, 2] (x, y) in input pixels.
        used: [B, N] bool, the points that count.

    Returns:
        Two tensors [B, 2] (x, y); the whole picture where there is neither mask nor point.
    """
    side = mask.shape[-1] * MAP_STRIDE
    place = torch.arange(0, side, MAP_STRIDE, device=mask.device)
    occupied = torch.stack([mask.any(dim=(1, 2)), mask.any(dim=(1, 3))], dim=2)  # [B, S/2, 2]
    points = used[..., None].expand_as(coords)
    starts = torch.where(occupied, place[:, None], side), torch.where(points, coords, side)
    ends = torch.where(occupied, place[:, None] + MAP_STRIDE, 0), torch.where(points, coords, 0)
    low = torch.cat(starts, dim=1).amin(dim=1).float()
    high = torch.cat(ends, dim=1).amax(dim=1).float()
    nothing = (high < low).any(dim=1, keepdim=True)
    return low.masked_fill(nothing, 0), high.masked_fill(nothing, side)
