"""From bytes to a batch: scaling and all augmentation, on the training device.

The pasted object is then either what is asked for, or an occluder to leave out.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.inference.letterbox import scaled
from squeezesam.spec import MAP_STRIDE, PAD_BYTE


class Batch(NamedTuple):
    """What one step of training is about.

    Attributes:
        image: [B, 3, S, S], as the network takes it.
        target: [B, 1, S/2, S/2] share of each mask pixel inside the whole object.
        asked: [B, 1, S/2, S/2] the same for the piece of it that is clicked; often all of it.
        shown: [B, 1, S/2, S/2] bool, False on the padding: nobody clicks there.
        whole: [B] how much each sample teaches the whole-object mask, 0..1.
    """

    image: Tensor
    target: Tensor
    asked: Tensor
    shown: Tensor
    whole: Tensor


def uniform(batch: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Values in low..high: [B]."""
    drawn = torch.rand(batch, generator=generator, device=generator.device)
    return low + (high - low) * drawn


def log_uniform(batch: int, bounds: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Factors within positive bounds, as often above as below their geometric mean: [B]."""
    return uniform(batch, math.log(bounds[0]), math.log(bounds[1]), generator).exp()


def happens(batch: int, chance: float, generator: torch.Generator) -> Tensor:
    """Whether an event of this chance takes place: [B] bool."""
    return uniform(batch, 0.0, 1.0, generator) < chance


def per_sample(values: Tensor) -> Tensor:
    """[B] -> [B, 1, 1, 1], to meet a batch of images."""
    return values[:, None, None, None]


@dataclass(frozen=True)
class WarpConfig:
    """Ranges of the warp.

    Attributes:
        chance: share of the samples that are warped; 0 switches off.
        turn: largest rotation in degrees either way.
        stretch: largest ratio of the scales along x and y.
        zoom: smallest and largest scale.
        shift: largest shift over the input's side.
    """

    chance: float = 0.5
    turn: float = 25.0
    stretch: float = 1.25
    zoom: tuple[float, float] = (0.75, 1.35)
    shift: float = 0.12


def random_warps(batch: int, config: WarpConfig, generator: torch.Generator) -> Tensor:
    """Maps from output to input positions in units of half the side: [B, 2, 3]."""
    warped = happens(batch, config.chance, generator)

    def symmetric(reach: float) -> Tensor:
        return uniform(batch, -reach, reach, generator) * warped

    angle = symmetric(math.radians(config.turn))
    stretch = symmetric(0.5 * math.log(config.stretch)).exp()
    zoom = torch.where(warped, log_uniform(batch, config.zoom, generator), 1.0)
    shift = torch.stack([symmetric(2 * config.shift) for _ in range(2)], dim=1)
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    rows = (
        torch.stack([cos * stretch, -sin * stretch], dim=1),
        torch.stack([sin / stretch, cos / stretch], dim=1),
    )
    return torch.cat([torch.stack(rows, dim=1), shift[..., None]], dim=2)


def warp(x: Tensor, maps: Tensor) -> Tensor:
    """Sample [B, C, S, S] through [B, 2, 3]; what comes from outside is 0, that is padding."""
    grid = F.affine_grid(maps, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class ColourConfig:
    """Ranges of the changes.

    Attributes:
        brightness: largest shift of all channels, over half the range of bytes.
        contrast: largest relative change of contrast.
        saturation: largest relative change of saturation.
        hue: largest turn of the hue in degrees.
        grey: chance of a grey photo.
        tint: largest gain of one channel over another.
        blur: chance of a soft photo.
        grain: chance of a grainy photo.
        noise: largest standard deviation of its grain, over half the range of bytes.
    """

    brightness: float = 0.25
    contrast: float = 0.35
    saturation: float = 0.5
    hue: float = 18.0
    grey: float = 0.06
    tint: float = 0.12
    blur: float = 0.15
    grain: float = 0.25
    noise: float = 0.06


def recolour(image: Tensor, config: ColourConfig, generator: torch.Generator) -> Tensor:
    """Change light, colour, sharpness and grain: [B, 3, S, S] -> the same, within -1..1.

    Padding is no longer exactly 0 afterwards; the caller masks it.
    """
    batch = len(image)
    matrix = colour_matrices(batch, config, generator)
    shift = uniform(batch, -config.brightness, config.brightness, generator)
    # out = shift + matrix @ image, in one pass over the pixels
    image = torch.baddbmm(shift.view(-1, 1, 1), matrix, image.flatten(2)).view_as(image)
    soft = happens(batch, config.blur, generator).nonzero()[:, 0]
    image[soft] = F.avg_pool2d(image[soft], 3, stride=1, padding=1, count_include_pad=False)
    grainy = happens(batch, config.grain, generator).nonzero()[:, 0]
    strength = uniform(len(grainy), 0.0, config.noise, generator)
    noise = torch.randn(image[grainy].shape, generator=generator, device=image.device)
    image[grainy] += noise.mul_(per_sample(strength))
    return image.clamp_(-1, 1)


def colour_matrices(batch: int, config: ColourConfig, generator: torch.Generator) -> Tensor:
    """Products of contrast, tint, saturation and hue: [B, 3, 3]."""
    device = generator.device
    luma = torch.tensor(LUMA, device=device).expand(3, 3)  # any colour -> its grey
    identity = torch.eye(3, device=device)
    saturation = 1 + uniform(batch, -config.saturation, config.saturation, generator)
    saturation = torch.where(happens(batch, config.grey, generator), 0.0, saturation)
    saturate = luma + saturation[:, None, None] * (identity - luma)
    turn = uniform(batch, -math.radians(config.hue), math.radians(config.hue), generator)
    contrast = 1 + uniform(batch, -config.contrast, config.contrast, generator)
    gains = 1 + torch.stack(
        [uniform(batch, -config.tint, config.tint, generator) for _ in range(3)], dim=1
    )
    gains = gains * contrast[:, None]
    return torch.diag_embed(gains) @ saturate @ hue_rotations(turn)


def hue_rotations(angles: Tensor) -> Tensor:
    """Rotations about the grey axis (Rodrigues): [B] radians -> [B, 3, 3]."""
    third = torch.full((3, 3), 1 / 3, device=angles.device)
    root = 1 / math.sqrt(3)
    cross = torch.tensor(
        [[0.0, -root, root], [root, 0.0, -root], [-root, root, 0.0]], device=angles.device
    )
    cos, sin = angles.cos()[:, None, None], angles.sin()[:, None, None]
    return cos * torch.eye(3, device=angles.device) + sin * cross + (1 - cos) * third


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
