"""TinyViT-5M (arXiv 2207.10666) as MobileSAM's encoder (arXiv 2306.14289).

A convolutional stage, then three stages of attention in windows. MobileSAM drops the classifier
and the stride before the last stage, so that the image ends at 1/16.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import TinyVitConfig
from squeezesam.networks.layers import ConvBn
from squeezesam.networks.products import ProductAttention, TokenNorm


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


class WindowAttention(ProductAttention):
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
        self.norm = TokenNorm(width)
        self.attention = WindowAttention(width, heads, window)
        self.local = ConvBn(width, width, 3, groups=width, relu=False)
        self.mlp = nn.Sequential(
            TokenNorm(width),
            nn.Linear(width, width * mlp_ratio),
            nn.GELU(),
            nn.Linear(width * mlp_ratio, width),
        )

    def attend(self, tokens: Tensor) -> Tensor:
        """What attention adds to the tokens of windows, [windows, T, C]."""
        tokens = self.norm(tokens)
        return self.attention(tokens, tokens, tokens)

    def forward(self, image: Tensor) -> Tensor:
        """[B, H, W, C] to the same."""
        image = image + by_windows(image, self.window, self.attend)
        image = self.local(image.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return image + self.mlp(image)


def by_windows(image: Tensor, side: int, attend: Callable[[Tensor], Tensor]) -> Tensor:
    """What is made of each window of an image [B, H, W, C]; those that stick out have zeros there.

    Args:
        image: of which H and W may be no multiples of the windows' side.
        side: of the windows.
        attend: of tokens [windows, side^2, C] to the same.
    """
    _, height, width, _ = image.shape
    right, below = -width % side, -height % side
    if right or below:
        image = F.pad(image, (0, 0, 0, right, 0, below))
    return joined(attend(windows(image, side)), image.shape, side)[:, :height, :width]


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
