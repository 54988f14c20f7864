"""Random draws, one for each sample of a batch, on the generator's device."""

import math

import torch
from torch import Tensor


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
