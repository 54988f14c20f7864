"""The small U2-Net for salient objects, U2-Netp (arXiv 2005.09007): a U of residual Us.

What is trained alone stays out: of the seven heat maps that the original gives, only the fused one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.errors import ConfigError
from squeezesam.networks.layers import ConvBn
from squeezesam.spec import IMAGE, SALIENCY_LOGITS, TensorSpec
from squeezesam_benchmarks.peers.layers import PeerNetwork


@dataclass(frozen=True)
class U2NetConfig:
    """Dimensions of a U2-Net whose blocks are all as wide; those of U2-Netp.

    Attributes:
        inner: channels inside of a residual U.
        outer: channels that it gives.
        depths: layers of those that pool, from the input's scale down; each halves the image one
            time less than it has layers above its bottom one.
        dilated: how many residual Us below them pool no more, and dilate instead.
    """

    inner: int = 16
    outer: int = 64
    depths: tuple[int, ...] = (7, 6, 5, 4)
    dilated: int = 2

    @property
    def scales(self) -> int:
        """Stages of the encoder, each at half the size of the one before."""
        return len(self.depths) + self.dilated


U2_NETP = U2NetConfig()
DILATED_LAYERS = 4


class DilatedConvBn(ConvBn):
    """3x3 convolution with gaps -> BatchNorm -> ReLU."""

    def __init__(self, channels_in: int, channels_out: int, dilation: int) -> None:
        super().__init__(channels_in, channels_out)
        self.conv = nn.Conv2d(
            channels_in, channels_out, 3, padding=dilation, dilation=dilation, bias=False
        )


class ResidualU(nn.Module):
    """A small U-Net beside an identity.

    Args:
        channels_in: of what it takes.
        inner: of all its layers but the first and the last.
        channels_out: of what it gives.
        dilations: one for each layer on the way down, the bottom one included.
        pools: whether each layer but the first and the bottom one sees half the size of the one
            above.
    """

    def __init__(
        self,
        channels_in: int,
        inner: int,
        channels_out: int,
        dilations: tuple[int, ...],
        *,
        pools: bool,
    ) -> None:
        super().__init__()
        self.pools = pools
        self.enter = ConvBn(channels_in, channels_out)
        self.down = nn.ModuleList(
            DilatedConvBn(channels_out if index == 0 else inner, inner, dilation)
            for index, dilation in enumerate(dilations)
        )
        self.up = nn.ModuleList(
            DilatedConvBn(2 * inner, channels_out if index == 0 else inner, dilation)
            for index, dilation in reversed(list(enumerate(dilations[:-1])))
        )

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to the same size."""
        entered = self.enter(image)
        x, skips = entered, []
        bottom = len(self.down) - 1
        for index, layer in enumerate(self.down):
            if self.pools and 0 < index < bottom:
                x = F.max_pool2d(x, 2)
            x = layer(x)
            skips.append(x)
        skips.pop()
        for layer in self.up:
            skip = skips.pop()
            if x.shape != skip.shape:
                x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = layer(torch.cat([x, skip], dim=1))
        return x + entered


class U2Net(PeerNetwork):
    """Residual Us at one scale after the other, down and up again, and a heat map of each.

    Args:
        config: dimensions.
        size: side of the square input in pixels, a multiple of 32 with the usual dimensions.

    Raises:
        ConfigError: the size does not halve down to the bottom.
    """

    def __init__(self, size: int, config: U2NetConfig = U2_NETP) -> None:
        super().__init__(size)
        stride = 2 ** (config.scales - 1)
        if size < stride or size % stride:
            raise ConfigError(f"size {size} does not fit a U2-Net; give a multiple of {stride}")
        self.encoder = nn.ModuleList(
            residual_u(config, scale, 3 if scale == 0 else config.outer)
            for scale in range(config.scales)
        )
        self.decoder = nn.ModuleList(
            residual_u(config, scale, 2 * config.outer)
            for scale in reversed(range(config.scales - 1))
        )
        self.sides = nn.ModuleList(
            nn.Conv2d(config.outer, 1, 3, padding=1) for _ in range(config.scales)
        )
        self.fuse = nn.Conv2d(config.scales, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the heat map: image [1, 3, S, S] -> saliency_logits [1, 1, S, S]."""
        x, skips = image, []
        for scale, stage in enumerate(self.encoder):
            x = stage(x if scale == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        levels = [skips.pop()]
        for stage in self.decoder:
            x = F.interpolate(levels[0], scale_factor=2.0, mode="bilinear", align_corners=False)
            levels.insert(0, stage(torch.cat([x, skips.pop()], dim=1)))
        heats = [side(level) for side, level in zip(self.sides, levels, strict=True)]
        whole = [
            F.interpolate(heat, scale_factor=2.0**scale, mode="bilinear", align_corners=False)
            for scale, heat in enumerate(heats[1:], start=1)
        ]
        return self.fuse(torch.cat([heats[0], *whole], dim=1))

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Inputs, in call order."""
        shape = (1, 3, self.size, self.size)
        return (TensorSpec(IMAGE, shape, "RGB minus ImageNet mean over std"),)

    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Outputs, in order."""
        shape = (1, 1, self.size, self.size)
        return (TensorSpec(SALIENCY_LOGITS, shape, "logit of belonging to a prominent object"),)


def residual_u(config: U2NetConfig, scale: int, channels_in: int) -> ResidualU:
    """The residual U of one scale; 0 is the input's."""
    pools = scale < len(config.depths)
    if pools:
        dilations = (*(1,) * (config.depths[scale] - 1), 2)
    else:
        dilations = tuple(2**layer for layer in range(DILATED_LAYERS))
    return ResidualU(channels_in, config.inner, config.outer, dilations, pools=pools)
