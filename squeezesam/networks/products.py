"""Attention and norms that can be written out as products and sums.

XNNPACK takes neither fused attention nor LayerNorm: `write_out` replaces them by what it takes. The
mathematics is the same.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.reference import ProjectedAttention


def mixed_by_products(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Attention written out as products of three dimensions; four would be copied.

    Args:
        query: [B, H, T, D], as what is returned.
        key: [B, H, U, D].
        value: [B, H, U, D].
        bias: added to the scores, [H, T, U] or [B, H, T, U]; None for none.
    """
    scaled = query.flatten(0, 1) * query.shape[-1] ** -0.5
    scores = torch.bmm(scaled, key.flatten(0, 1).transpose(1, 2))
    if bias is not None:
        scores = (scores.unflatten(0, query.shape[:2]) + bias).flatten(0, 1)
    weights = torch.softmax(scores, dim=-1)
    return torch.bmm(weights, value.flatten(0, 1)).unflatten(0, query.shape[:2])


Form = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""What `mixed_by_products` does, in whatever way."""


def fused(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """Attention in PyTorch's own operator."""
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


class ProductAttention(ProjectedAttention):
    """Attention that can be written out as products.

    Attributes:
        form: of the products and the softmax.
    """

    form: Form = staticmethod(fused)

    def write_out(self) -> None:
        """Use no fused operator any more."""
        self.form = mixed_by_products

    def bias(self) -> Tensor | None:
        """What is added to the scores, [H, T, T]."""
        return None

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """In the chosen form."""
        return self.form(query, key, value, self.bias())


class TokenNorm(nn.LayerNorm):
    """LayerNorm over C of [..., C], whose means can be written out as products."""

    shares: Tensor | None

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__(width, eps=eps)
        self.register_buffer("shares", None, persistent=False)

    def write_out(self) -> None:
        """Use no fused operator any more."""
        width = len(self.weight)
        self.shares = torch.full((1, width, 1), 1 / width)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.shares is None:
            return super().forward(tokens)
        rows = tokens.reshape(1, -1, len(self.weight))
        centred = rows - torch.bmm(rows, self.shares)
        variance = torch.bmm(centred * centred, self.shares)
        normed = centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias
        return normed.reshape(tokens.shape)


class PixelNorm(TokenNorm):
    """LayerNorm over C of [B, C, H, W]."""

    def forward(self, image: Tensor) -> Tensor:
        tokens = super().forward(image.flatten(2).transpose(1, 2))
        return tokens.transpose(1, 2).unflatten(2, image.shape[2:])


class WholeNorm(nn.GroupNorm):
    """Norm over C, H and W of [B, C, H, W], whose means can be written out; B is then 1."""

    shares: Tensor | None
    gain: Tensor
    shift: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)
        self.register_buffer("shares", None, persistent=False)
        self.register_buffer("gain", None, persistent=False)
        self.register_buffer("shift", None, persistent=False)

    def write_out(self) -> None:
        """Use no fused operator any more."""
        count = self.num_channels
        self.shares = torch.full((1, count, 1), 1 / count)
        self.gain = self.weight.detach().view(1, count, 1, 1)
        self.shift = self.bias.detach().view(1, count, 1, 1)

    def mean(self, image: Tensor) -> Tensor:
        """Mean [1, 1, 1, 1] of [1, C, H, W]."""
        assert self.shares is not None
        by_channel = image.mean((2, 3), keepdim=True).view(1, 1, self.num_channels)
        return torch.bmm(by_channel, self.shares).view(1, 1, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        if self.shares is None:
            return super().forward(image)
        centred = image - self.mean(image)
        variance = self.mean(centred * centred)
        return centred * torch.rsqrt(variance + self.eps) * self.gain + self.shift
