"""Which tokens the encoder sees, and how all of them come back into their order."""

from typing import NamedTuple

import torch
from torch import Tensor


class Split(NamedTuple):
    """The tokens of each image, in two parts.

    Attributes:
        shown: [B, V] places of the tokens that the encoder sees.
        hidden: [B, T - V] places of the others.
    """

    shown: Tensor
    hidden: Tensor


def random_order(batch: int, tokens: int, generator: torch.Generator) -> Tensor:
    """A random order of the tokens of each image: [B, T]."""
    noise = torch.rand(batch, tokens, generator=generator, device=generator.device)
    return noise.argsort(dim=1)


def split(order: Tensor, hidden: float) -> Split:
    """The first tokens of each order are shown, the others hidden; at least one of each.

    Args:
        order: [B, T] of `random_order`, T at least 2.
        hidden: share of the tokens to hide.
    """
    tokens = order.shape[1]
    count = min(max(round(tokens * hidden), 1), tokens - 1)
    return Split(order[:, : tokens - count], order[:, tokens - count :])


def taken(tokens: Tensor, places: Tensor) -> Tensor:
    """The tokens at some places: [B, T, C] and [B, N] -> [B, N, C]."""
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))


def in_order(shown: Tensor, hidden: Tensor, parts: Split) -> Tensor:
    """All tokens in their own places: [B, V, C] and [B, T - V, C] -> [B, T, C]."""
    back = torch.cat(parts, dim=1).argsort(dim=1)
    return taken(torch.cat([shown, hidden], dim=1), back)
