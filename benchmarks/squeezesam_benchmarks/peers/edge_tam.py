"""The image path of EdgeTAM (arXiv 2501.07256): RepViT-M1 (arXiv 2307.09283) and a feature pyramid.

The pyramid is that of SAM 2: the two coarsest levels become the image embedding, and the two finer
ones are added to the masks while the decoder upscales them. EdgeTAM's memory of earlier frames
does not run on a photo, and neither does the score that says whether an object is still there.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.layers import ConvBn


@dataclass(frozen=True)
class RepVitConfig:
    """Dimensions of RepViT, a value for each stage.

    Attributes:
        widths: channels.
        depths: blocks after the one that halves the size.
        expansion: of the channels inside a block.
    """

    widths: tuple[int, ...] = (48, 96, 192, 384)
    depths: tuple[int, ...] = (2, 2, 14, 2)
    expansion: int = 2


class TokenMixer(nn.Module):
    """Depthwise 3x3 and 1x1 convolutions beside an identity; for inference they are one."""

    merged: nn.Conv2d | None

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = ConvBn(channels, channels, 3, groups=channels, relu=False)
        self.narrow = ConvBn(channels, channels, 1, groups=channels, relu=False)
        self.merged = None

    @torch.no_grad()
    def fold(self) -> None:
        """Merge the three branches; for inference only."""
        if self.merged is not None:
            return
        self.wide.fold()
        self.narrow.fold()
        merged, narrow = self.wide.conv, self.narrow.conv
        merged.weight += F.pad(narrow.weight + 1, (1, 1, 1, 1))
        biases = cast(nn.Parameter, merged.bias), cast(nn.Parameter, narrow.bias)
        biases[0].add_(biases[1])
        self.merged = merged
        del self.wide, self.narrow

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to the same."""
        if self.merged is not None:
            return self.merged(image)
        return image + self.wide(image) + self.narrow(image)


class ChannelMlp(nn.Sequential):
    """Two 1x1 convolutions around a GELU."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__(
            ConvBn(channels, channels * expansion, 1, relu=False),
            nn.GELU(),
            ConvBn(channels * expansion, channels, 1, relu=False),
        )


class SqueezeExcite(nn.Module):
    """Every channel times a share that depends on the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = (channels // 4 + 4) // 8 * 8
        self.squeeze = nn.Conv2d(channels, inner, 1)
        self.excite = nn.Conv2d(inner, channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to the same."""
        means = image.mean(dim=(2, 3), keepdim=True)
        return image * torch.sigmoid(self.excite(F.relu(self.squeeze(means))))


class RepVitBlock(nn.Module):
    """Mix neighbours, perhaps weigh channels, then mix channels beside an identity."""

    def __init__(self, channels: int, expansion: int, *, excites: bool) -> None:
        super().__init__()
        self.mixer = TokenMixer(channels)
        self.weigh = SqueezeExcite(channels) if excites else nn.Identity()
        self.mlp = ChannelMlp(channels, expansion)

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to the same."""
        image = self.weigh(self.mixer(image))
        return image + self.mlp(image)


class Halving(nn.Module):
    """From one stage to the next: half the size, other channels."""

    def __init__(self, channels_in: int, channels_out: int, expansion: int) -> None:
        super().__init__()
        self.before = RepVitBlock(channels_in, expansion, excites=False)
        self.shrink = ConvBn(channels_in, channels_in, 3, stride=2, groups=channels_in, relu=False)
        self.widen = ConvBn(channels_in, channels_out, 1, relu=False)
        self.mlp = ChannelMlp(channels_out, expansion)

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to [B, channels_out, H / 2, W / 2]."""
        image = self.widen(self.shrink(self.before(image)))
        return image + self.mlp(image)


class RepVit(nn.Module):
    """Encoder of [1, 3, size, size] into a map of each stage, at 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self, config: RepVitConfig) -> None:
        super().__init__()
        first = config.widths[0]
        self.stem = nn.Sequential(
            ConvBn(3, first // 2, 3, stride=2, relu=False),
            nn.GELU(),
            ConvBn(first // 2, first, 3, stride=2, relu=False),
        )
        halvings = [
            Halving(width_in, width_out, config.expansion)
            for width_in, width_out in pairwise(config.widths)
        ]
        self.stages = nn.ModuleList(
            nn.Sequential(
                enter,
                *(
                    RepVitBlock(width, config.expansion, excites=index % 2 == 0)
                    for index in range(depth)
                ),
            )
            for enter, width, depth in zip(
                [nn.Identity(), *halvings], config.widths, config.depths, strict=True
            )
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode."""
        image = self.stem(image)
        levels = []
        for stage in self.stages:
            image = stage(image)
            levels.append(image)
        return tuple(levels)


class PyramidNeck(nn.Module):
    """Levels of an encoder into the image embedding and what is added while masks are upscaled.

    Args:
        widths: channels of the levels, the finest first.
        width: of the embedding.
    """

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(one, width, 1) for one in widths)
        self.to_half = nn.Conv2d(width, width // 4, 1)
        self.to_quarter = nn.Conv2d(width, width // 8, 1)

    def forward(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """Maps at 1/16, 1/8 and 1/4, of `width`, `width` / 4 and `width` / 8 channels."""
        fine, middle, coarse, coarsest = (
            convolution(level) for convolution, level in zip(self.lateral, levels, strict=True)
        )
        embedding = coarse + F.interpolate(coarsest, scale_factor=2.0, mode="nearest")
        return embedding, self.to_half(middle), self.to_quarter(fine)
