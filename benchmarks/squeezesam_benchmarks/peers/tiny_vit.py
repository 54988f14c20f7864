"""TinyViT-5M (arXiv 2207.10666) as MobileSAM's encoder (arXiv 2306.14289).

A convolutional stage, then three stages of attention in windows. MobileSAM drops the classifier
and the stride before the last stage, so that the image ends at 1/16.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.layers import ConvBn
from squeezesam_benchmarks.peers.layers import PeerAttention, TokenMlp

EPS = 1e-5


@dataclass(frozen=True)
class TinyVitConfig:
    """Dimensions of TinyViT, a value for each stage; the first stage is convolutional.

    Attributes:
        windows: sides in cells; the first is unused.
        strides: on the way into each stage but the first.
    """

    widths: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (2, 4, 5, 10)
    windows: tuple[int, ...] = (7, 7, 14, 7)
    strides: tuple[int, ...] = (2, 2, 1)
    expansion: int = 4
    mlp_ratio: int = 4


class MbConv(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1 beside an identity, with GELU after each."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.branch = nn.Sequential(
            ConvBn(channels, hidden, 1, relu=False),
            nn.GELU(),
            ConvBn(hidden, hidden, 3, groups=hidden, relu=False),
            nn.GELU(),
            ConvBn(hidden, channels, 1, relu=False),
        )

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to the same."""
        return F.gelu(image + self.branch(image))


class Merging(nn.Sequential):
    """From one stage to the next: other channels, and half the size at stride 2."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__(
            ConvBn(channels_in, channels_out, 1, relu=False),
            nn.GELU(),
            ConvBn(channels_out, channels_out, 3, stride=stride, groups=channels_out, relu=False),
            nn.GELU(),
            ConvBn(channels_out, channels_out, 1, relu=False),
        )


class WindowAttention(PeerAttention):
    """Attention whose scores get a learnt bias for each distance in x and y."""

    offsets: Tensor
    looked_up: Tensor | None

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__(width, heads)
        self.bias_table = nn.Parameter(torch.randn(heads, window**2) * 0.02)
        y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        cells = torch.stack([y, x], dim=-1).view(-1, 2)
        distance = (cells[:, None] - cells[None]).abs()
        offsets = distance[..., 0] * window + distance[..., 1]  # [window^2, window^2]
        self.register_buffer("offsets", offsets, persistent=False)
        self.register_buffer("looked_up", None, persistent=False)

    def fold(self) -> None:
        """Look the biases up once; for inference only."""
        self.looked_up = self.bias().detach()

    def bias(self) -> Tensor:
        """Biases [heads, window^2, window^2]."""
        return self.bias_table[:, self.offsets] if self.looked_up is None else self.looked_up


class TinyVitLayer(nn.Module):
    """Attention in windows, a depthwise convolution, an MLP; on [B, H, W, C]."""

    def __init__(self, width: int, heads: int, window: int, mlp_ratio: int) -> None:
        super().__init__()
        self.window = window
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.attention = WindowAttention(width, heads, window)
        self.local = ConvBn(width, width, 3, groups=width, relu=False)
        self.mlp = TokenMlp(width, mlp_ratio, EPS)

    def attend(self, image: Tensor) -> Tensor:
        """What attention adds; windows that stick out are filled up with zeros."""
        _, height, width, _ = image.shape
        pad_right, pad_below = -width % self.window, -height % self.window
        if pad_right or pad_below:
            image = F.pad(image, (0, 0, 0, pad_right, 0, pad_below))
        tokens = self.norm(windows(image, self.window))
        tokens = self.attention(tokens, tokens, tokens)
        return joined(tokens, image.shape, self.window)[:, :height, :width]

    def forward(self, image: Tensor) -> Tensor:
        """[B, H, W, C] to the same."""
        image = image + self.attend(image)
        image = self.local(image.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return image + self.mlp(image)


def windows(image: Tensor, side: int) -> Tensor:
    """Tokens of each window, [windows, side^2, C], of an image [B, H, W, C]."""
    batch, height, width, channels = image.shape
    blocks = image.reshape(batch, height // side, side, width // side, side, channels)
    return blocks.transpose(2, 3).reshape(-1, side**2, channels)


def joined(tokens: Tensor, shape: torch.Size, side: int) -> Tensor:
    """The image [B, H, W, C] whose windows these are."""
    batch, height, width, channels = shape
    blocks = tokens.reshape(batch, height // side, width // side, side, side, channels)
    return blocks.transpose(2, 3).reshape(shape)


class AttentionStage(nn.Module):
    """Merge, then layers of attention in windows; on [B, C, H, W]."""

    def __init__(self, config: TinyVitConfig, stage: int) -> None:
        super().__init__()
        width = config.widths[stage]
        self.merge = Merging(config.widths[stage - 1], width, config.strides[stage - 1])
        self.layers = nn.Sequential(
            *(
                TinyVitLayer(width, config.heads[stage], config.windows[stage], config.mlp_ratio)
                for _ in range(config.depths[stage])
            )
        )

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to the widths and size of this stage."""
        return self.layers(self.merge(image).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class TinyVit(nn.Sequential):
    """Encoder of [1, 3, size, size] into [1, 320, size / 16, size / 16]."""

    def __init__(self, config: TinyVitConfig) -> None:
        stem, *_ = config.widths
        super().__init__(
            ConvBn(3, stem // 2, 3, stride=2, relu=False),
            nn.GELU(),
            ConvBn(stem // 2, stem, 3, stride=2, relu=False),
            *(MbConv(stem, config.expansion) for _ in range(config.depths[0])),
            *(AttentionStage(config, stage) for stage in range(1, len(config.widths))),
        )
