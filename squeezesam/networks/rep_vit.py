"""RepViT-M1 (arXiv 2307.09283), the encoder of EdgeSAM (arXiv 2312.06660) and of EdgeTAM."""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import RepVitConfig
from squeezesam.networks.layers import ConvBn


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

    def halved(self, image: Tensor) -> Tensor:
        """What comes of [B, C, H, W] after the block before: [B, channels_out, H / 2, W / 2]."""
        image = self.widen(self.shrink(image))
        return image + self.mlp(image)

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to [B, channels_out, H / 2, W / 2]."""
        return self.halved(self.before(image))


class RepVit(nn.Module):
    """Stages at 1/4, 1/8, 1/16 and 1/32 of the size of an image."""

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


class FusedRepVit(RepVit):
    """The trunk of EdgeSAM: image [B, 3, size, size] -> [B, channels, size / 16, size / 16]."""

    def __init__(self, config: RepVitConfig, channels: int) -> None:
        super().__init__(config)
        *_, coarse, coarsest = config.widths
        self.coarse = nn.Conv2d(coarse, channels, 1, bias=False)
        self.coarsest = nn.Conv2d(coarsest, channels, 1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """Encode; EdgeSAM's third stage ends with the block before the last halving."""
        image = self.stem(image)
        for stage in self.stages[:-1]:
            image = stage(image)
        last = cast(nn.Sequential, self.stages[-1])
        halving = cast(Halving, last[0])
        image = halving.before(image)
        coarse, size = self.coarse(image), image.shape[2:]
        image = last[1:](halving.halved(image))
        return coarse + F.interpolate(self.coarsest(image), size, mode="bicubic")
