"""Building blocks whose every BatchNorm follows the layer it folds into."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

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


class ConvBn(nn.Module):
    """Convolution -> BatchNorm -> optional ReLU, padded to keep the size at stride 1."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        groups: int = 1,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels_in,
            channels_out,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        )
        self.bn: nn.Module = nn.BatchNorm2d(channels_out)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return F.relu(x) if self.relu else x

    def fold(self) -> None:
        """Absorb the BatchNorm into the convolution; for inference only."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.bn)
            self.bn = nn.Identity()

    def start_silent(self) -> None:
        """Zero the BatchNorm's gain, so that a residual branch that ends here starts as nothing."""
        nn.init.zeros_(cast(nn.BatchNorm2d, self.bn).weight)


def token_layer(channels_in: int, channels_out: int, *, relu: bool = False) -> ConvBn:
    """Linear -> BatchNorm over every token -> optional ReLU, on tokens [B, C, 1, T]."""
    return ConvBn(channels_in, channels_out, 1, relu=relu)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvBn(channels, channels)
        self.conv2 = ConvBn(channels, channels, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv2(self.conv1(x)))


class InvertedBlock(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1 beside an identity (MobileNetV2)."""

    def __init__(self, channels: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = channels * expansion
        self.expand = ConvBn(channels, hidden, 1)
        self.depthwise = ConvBn(hidden, hidden, 3, groups=hidden)
        self.project = ConvBn(hidden, channels, 1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.depthwise(self.expand(x)))


class Attention(nn.Module):
    """Self-attention over tokens [B, C, 1, T], written out as matmul, softmax, matmul.

    Tokens lie along the last axis and their linear layers are 1x1 convolutions, as Apple advises
    for the Neural Engine ("Deploying Transformers on the Apple Neural Engine", 2022).
    `scaled_dot_product_attention` decomposes into a safe softmax whose comparisons leave the
    XNNPACK delegate; three-dimensional `bmm` stays inside without an expand.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = channels // heads
        self.query_scale: float | None = self.head_width**-0.5
        self.query = token_layer(channels, channels)
        self.key = token_layer(channels, channels)
        self.value = token_layer(channels, channels)
        self.out = token_layer(channels, channels)

    def fold(self) -> None:
        """Absorb the scale into the query; for inference only.

        Left in the graph, the constant of an fp16 export is cast outside the XNNPACK delegate.
        """
        self.query.fold()
        if self.query_scale is not None:
            with torch.no_grad():
                for parameter in self.query.conv.parameters():
                    parameter.mul_(self.query_scale)
            self.query_scale = None

    def split_heads(self, x: Tensor) -> Tensor:
        batch, _, _, tokens = x.shape
        return x.reshape(batch * self.heads, self.head_width, tokens)

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x)
        if self.query_scale is not None:
            query = query * self.query_scale
        query = self.split_heads(query)  # [B * heads, C / heads, T]
        key = self.split_heads(self.key(x))
        value = self.split_heads(self.value(x))
        weights = torch.softmax(torch.bmm(query.transpose(1, 2), key), dim=-1)  # over the keys
        mixed = torch.bmm(value, weights.transpose(1, 2))
        return self.out(mixed.reshape(x.shape))


class TransformerLayer(nn.Module):
    """Attention and MLP, each beside an identity, BatchNorm instead of LayerNorm."""

    def __init__(self, channels: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.attention = Attention(channels, heads)
        self.mlp_in = token_layer(channels, channels * mlp_ratio, relu=True)
        self.mlp_out = token_layer(channels * mlp_ratio, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.mlp_out(self.mlp_in(x))


class UpBlock(nn.Module):
    """Reduce channels at the coarse scale, upsample by 2, join the skip, mix."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.reduce = ConvBn(channels_in, channels_out, 1)
        self.mix = ConvBn(channels_out + channels_skip, channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(self.reduce(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.mix(torch.cat([x, skip], dim=1))
