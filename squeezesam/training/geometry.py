"""Random affine warps of a batch on the training device: turn, stretch, zoom, shift."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.training.chance import happens, log_uniform, uniform


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
