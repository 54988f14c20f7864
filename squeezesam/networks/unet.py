"""The UNet with a transformer at its bottom scale that all our networks share (arXiv 2312.06736).

Everything is convolution, ReLU, add, concat, bilinear resize, softmax, bmm, mean and sigmoid:
operators that XNNPACK, Core ML and ONNX Runtime all delegate.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import UNetConfig, check_size
from squeezesam.networks.layers import (
    ConvBn,
    InvertedBlock,
    ResidualBlock,
    TransformerLayer,
    UpBlock,
    grid_features,
)
from squeezesam.spec import SEGMENTER, TOKEN_FEATURES, TOKEN_KINDS, NetworkKind


class SizedNetwork(nn.Module):
    """A network that is prepared for one size of square inputs at a time.

    Attributes:
        kind: what kind of network it is.
        size: side of the square input in pixels.
    """

    kind: ClassVar[NetworkKind] = SEGMENTER
    size: int

    @property
    def graphs(self) -> tuple[nn.Module, ...]:
        """Its graphs in the order of its kind."""
        return (self,)

    def set_size(self, size: int) -> None:
        """Prepare for inputs of `size` pixels; the weights do not change.

        Raises:
            ConfigError: the network does not take this size.
        """
        raise NotImplementedError


BLOCKS = {"residual": ResidualBlock, "inverted": InvertedBlock}


class UNet(SizedNetwork):
    """Stem, encoder, transformer and decoder; its weights fit any square input size.

    Args:
        config: widths and depths.
        maps: channels that join those of the stem.
        bottom_stride: input pixels per cell of the bottom scale.
    """

    grid: Tensor

    def __init__(self, config: UNetConfig, maps: int, bottom_stride: int) -> None:
        super().__init__()
        self.config, self.bottom_stride = config, bottom_stride
        self.zoom = 2 ** (len(config.encoder) - len(config.decoder))
        quarter, eighth, sixteenth, bottom = config.encoder
        self.stem = ConvBn(3, config.stem, stride=2)
        widths_in = (config.stem + maps, quarter, eighth, sixteenth)
        self.encoder = nn.ModuleList(
            nn.Sequential(
                ConvBn(width_in, width_out, stride=2),
                *(BLOCKS[config.block](width_out) for _ in range(blocks)),
            )
            for width_in, width_out, blocks in zip(
                widths_in, config.encoder, config.blocks, strict=True
            )
        )
        self.embed_position = nn.Conv2d(TOKEN_FEATURES, bottom, 1)
        self.transformer = nn.Sequential(
            *(
                TransformerLayer(bottom, config.heads, config.mlp_ratio)
                for _ in range(config.transformer_depth)
            )
        )
        skips = (sixteenth, eighth, quarter, config.stem + maps)
        self.decoder = nn.ModuleList(
            UpBlock(width_in, skip, width_out)
            for width_in, skip, width_out in zip(
                (bottom, *config.decoder), skips, config.decoder, strict=False
            )
        )

    def set_size(self, size: int) -> None:
        """Prepare for square inputs of `size` pixels; the weights do not change.

        Raises:
            ConfigError: `size` is not a multiple of the bottom stride.
        """
        check_size(size, self.bottom_stride)
        self.size = size
        side = size // self.bottom_stride
        # The four kind features of an image token are zero: the grid shares `embed_position` with
        # the prompt tokens, so a click and the image cell under it speak of the same place.
        grid = F.pad(grid_features(side), (0, TOKEN_KINDS)).T[None, :, None]  # [1, 28, 1, HW]
        device = self.embed_position.weight.device
        self.register_buffer("grid", grid.contiguous().to(device), persistent=False)
        self.grid_is_embedded = False

    def fold(self) -> None:
        """Embed the grid once and for all; for inference at one size only.

        Its layer then serves the prompts alone: XNNPACK's int8 convolution takes no bias that two
        input scales share.
        """
        if not self.grid_is_embedded:
            with torch.no_grad():
                self.grid = self.embed_position(self.grid)
            self.grid_is_embedded = True

    def reset_parameters(self) -> None:
        """Initialise so that every residual branch starts as an identity."""
        on_tokens = {*self.embed_position.modules(), *self.transformer.modules()}
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module not in on_tokens:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.conv2.start_silent()
            elif isinstance(module, InvertedBlock):
                module.project.start_silent()
            elif isinstance(module, TransformerLayer):
                module.attention.out.start_silent()
                module.mlp_out.start_silent()

    def fuse_tokens(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor]:
        """Late fusion: image cells and tokens attend to one another.

        Args:
            x: [B, C, H, W], the bottom scale.
            tokens: [B, C, 1, T], or None for the cells alone.

        Returns:
            cells [B, C, H, W] and tokens [B, C, 1, T], or [B, C, 1, 0] without any.
        """
        batch, channels, height, width = x.shape
        count = height * width
        grid = self.grid if self.grid_is_embedded else self.embed_position(self.grid)
        mixed = x.reshape(batch, channels, 1, count) + grid
        if tokens is None:  # a slice of everything is a copy that no delegate takes
            return self.transformer(mixed).reshape(x.shape), x.new_zeros(batch, channels, 1, 0)
        mixed = self.transformer(torch.cat([mixed, tokens], dim=3))  # [B, C, 1, HW + T]
        return mixed[..., :count].reshape(x.shape), mixed[..., count:]

    def to_pixels(self, channels: Tensor) -> Tensor:
        """The zoom x zoom pixels of each cell of the finest features, from channels to places.

        [B, N * zoom * zoom, H, W] -> [B, N, H * zoom, W * zoom].
        """
        return channels if self.zoom == 1 else F.pixel_shuffle(channels, self.zoom)

    def features(self, x: Tensor, tokens: Tensor | None) -> tuple[list[Tensor], Tensor]:
        """From the stem with its maps to the decoder's features, coarse to fine, and the tokens."""
        skips = [x]
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        x, tokens = self.fuse_tokens(skips.pop(), tokens)
        features = []
        for stage in self.decoder:
            x = stage(x, skips.pop())
            features.append(x)
        return features, tokens
