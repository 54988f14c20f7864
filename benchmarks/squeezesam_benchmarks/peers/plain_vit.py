"""The plain vision transformer, ViT-Tiny (arXiv 2012.12877), as the encoder of EfficientSAM.

EfficientSAM (arXiv 2312.00863) attends globally in every layer, and stretches the positions of a
224 px pretraining over the larger image.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam_benchmarks.peers.layers import PeerAttention, TokenMlp

EPS = 1e-6


@dataclass(frozen=True)
class PlainVitConfig:
    """Dimensions of a plain vision transformer.

    Attributes:
        patch: side of a token in pixels.
        pretrained_size: side of the image in pixels that the positions were learnt for.
    """

    width: int = 192
    depth: int = 12
    heads: int = 3
    mlp_ratio: int = 4
    patch: int = 16
    pretrained_size: int = 224


class PlainVitLayer(nn.Module):
    """Attention and MLP, each after a LayerNorm and beside an identity."""

    def __init__(self, config: PlainVitConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width, eps=EPS)
        self.attention = PeerAttention(config.width, config.heads)
        self.mlp = TokenMlp(config.width, config.mlp_ratio, EPS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [1, T, C] to the same."""
        normed = self.norm(tokens)
        tokens = tokens + self.attention(normed, normed, normed)
        return tokens + self.mlp(tokens)


class StretchedPositions(nn.Module):
    """Learnt positions of a small grid, resized to the image's."""

    stretched: Tensor | None

    def __init__(self, width: int, side: int, pretrained_side: int) -> None:
        super().__init__()
        self.side = side
        self.pretrained_side = pretrained_side
        class_token = 1  # its position is stored with the others and goes unused
        self.learnt = nn.Parameter(torch.randn(1, class_token + pretrained_side**2, width) * 0.02)
        self.register_buffer("stretched", None, persistent=False)

    def fold(self) -> None:
        """Resize once; for inference only."""
        self.stretched = self.resized().detach().contiguous()

    def resized(self) -> Tensor:
        """Positions [1, T, C] of the image's grid."""
        grid = self.learnt[:, 1:].transpose(1, 2).unflatten(2, (self.pretrained_side, -1))
        resized = F.interpolate(grid, (self.side, self.side), mode="bicubic")
        return resized.flatten(2).transpose(1, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [1, T, C] with their positions added."""
        return tokens + (self.resized() if self.stretched is None else self.stretched)


class PlainVit(nn.Module):
    """Encoder of [1, 3, size, size] into [1, width, size / patch, size / patch]."""

    def __init__(self, config: PlainVitConfig, size: int) -> None:
        super().__init__()
        self.side = size // config.patch
        self.embed = nn.Conv2d(3, config.width, config.patch, stride=config.patch)
        self.positions = StretchedPositions(
            config.width, self.side, config.pretrained_size // config.patch
        )
        self.layers = nn.Sequential(*(PlainVitLayer(config) for _ in range(config.depth)))

    def forward(self, image: Tensor) -> Tensor:
        """Encode."""
        tokens = self.embed(image).flatten(2).transpose(1, 2)
        tokens = self.layers(self.positions(tokens))
        return tokens.transpose(1, 2).unflatten(2, (self.side, self.side))
