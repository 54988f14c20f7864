"""Fourier features of positions, shared by the prompt tokens and the image grid."""

import math

import torch
from torch import Tensor

from squeezesam.spec import POSITION_FREQUENCIES


def position_features(unit_coords: Tensor) -> Tensor:
    """Sines and cosines of x and y at octave frequencies.

    Args:
        unit_coords: [..., 2], (x, y) over the input size, 0..1.

    Returns:
        [..., 24]: sin then cos of 2^k pi x for k = 0..5, then the same of y.
    """
    octaves = 2.0 ** torch.arange(POSITION_FREQUENCIES, device=unit_coords.device) * math.pi
    angles = unit_coords[..., None] * octaves  # [..., 2, 6]
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)  # [..., 2, 12] -> [..., 24]


def grid_features(side: int) -> Tensor:
    """Position features of the cell centres of a side x side grid, row by row: [side^2, 24]."""
    centres = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return position_features(torch.stack([x, y], dim=-1).view(-1, 2))
