"""Random changes of light and lens of a batch on the training device."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.training.chance import happens, per_sample, uniform

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
