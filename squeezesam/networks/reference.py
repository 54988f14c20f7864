"""The arrangement of the early public SqueezeSAM, as the yardstick of speed.

In the `reference` variant LayerNorm and `scaled_dot_product_attention` stay as they are there,
though they leave the XNNPACK delegate: what they cost is part of the comparison.

It keeps that version's faults on purpose, because they are what `base` and `nano` are compared
with: Conv -> ReLU -> BatchNorm, which cannot fold; eight levels down to 2x2, where position means
little; no negative clicks; and no late fusion, so that the transformer sees output tokens only.
"""

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import ReferenceConfig, check_size
from squeezesam.spec import MAP_STRIDE, NUM_MASKS, MapChannel

CROSS_ATTENTION_DOWNSAMPLE = 2


class ProjectedAttention(nn.Module):
    """Multi-head attention whose inner width is the embedding's over `downsample`."""

    def __init__(self, width: int, heads: int, downsample: int = 1) -> None:
        super().__init__()
        inner = width // downsample
        self.heads = heads
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.value = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, T, C] -> [B, H, T, C / H]

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mixed = self.mix(
            self.split_heads(self.query(query)),
            self.split_heads(self.key(key)),
            self.split_heads(self.value(value)),
        )
        return self.out(mixed.transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    """Tokens attend to themselves and to the image; then the image attends to the tokens."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_width: int,
        *,
        first: bool,
        attention: type[ProjectedAttention],
        activation: type[nn.Module],
        norm: type[nn.LayerNorm],
    ) -> None:
        super().__init__()
        self.first = first
        self.among_tokens = attention(width, heads)
        self.norm_among_tokens = norm(width)
        self.to_image = attention(width, heads, CROSS_ATTENTION_DOWNSAMPLE)
        self.norm_to_image = norm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_width), activation(), nn.Linear(mlp_width, width)
        )
        self.norm_mlp = norm(width)
        self.to_tokens = attention(width, heads, CROSS_ATTENTION_DOWNSAMPLE)
        self.norm_to_tokens = norm(width)

    def exchanged(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Tokens [B, T, C] after they have attended to themselves."""
        if self.first:  # tokens are still their own positions
            return self.among_tokens(tokens, tokens, tokens)
        placed = tokens + positions
        return tokens + self.among_tokens(placed, placed, tokens)

    def forward(
        self, tokens: Tensor, cells: Tensor, token_positions: Tensor, cell_positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        tokens = self.norm_among_tokens(self.exchanged(tokens, token_positions))
        placed_cells = cells + cell_positions
        tokens = tokens + self.to_image(tokens + token_positions, placed_cells, cells)
        tokens = self.norm_to_image(tokens)
        tokens = self.norm_mlp(tokens + self.mlp(tokens))
        cells = cells + self.to_tokens(placed_cells, tokens + token_positions, tokens)
        return tokens, self.norm_to_tokens(cells)


class TwoWayTransformer(nn.Module):
    """Layers in both directions, then a last look of the tokens at the image.

    Attributes:
        layer: what its layers are.
    """

    layer: type[TwoWayLayer] = TwoWayLayer

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        mlp_width: int,
        attention: type[ProjectedAttention] = ProjectedAttention,
        activation: type[nn.Module] = nn.ReLU,
        norm: type[nn.LayerNorm] = nn.LayerNorm,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            self.layer(
                width,
                heads,
                mlp_width,
                first=index == 0,
                attention=attention,
                activation=activation,
                norm=norm,
            )
            for index in range(depth)
        )
        self.last = attention(width, heads, CROSS_ATTENTION_DOWNSAMPLE)
        self.norm_last = norm(width)

    def forward(
        self, tokens: Tensor, cells: Tensor, cell_positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let tokens and image cells exchange what they know.

        Args:
            tokens: [B, T, C], which also serve as their own positions.
            cells: [B, H * W, C].
            cell_positions: [1, H * W, C].

        Returns:
            tokens [B, T, C] and cells [B, H * W, C].
        """
        positions = tokens
        for layer in self.layers:
            tokens, cells = layer(tokens, cells, positions, cell_positions)
        seen = self.last(tokens + positions, cells + cell_positions, cells)
        return self.norm_last(tokens + seen), cells


RGB_BOX_AND_CLICKS = 5

PUBLISHED_SIZE = 512
"""Side of the input in pixels at which the paper states its compute."""


class ConvReluBn(nn.Sequential):
    """3x3 convolution -> ReLU -> BatchNorm: the order that nothing can fold."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(channels_out),
        )


class ReferenceUpBlock(nn.Module):
    """Upsample by 2 with a transposed convolution, join the skip, mix."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels_in, channels_in, 2, stride=2)
        self.mix = nn.Sequential(
            ConvReluBn(channels_in + channels_skip, channels_skip),
            ConvReluBn(channels_skip, channels_out),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.mix(torch.cat([self.up(x), skip], dim=1))


class MaskHeads(nn.Module):
    """Hypernetworks: each mask token becomes the weights of a 1x1 convolution of the features."""

    def __init__(self, hypernetworks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.hypernetworks = nn.ModuleList(hypernetworks)

    def forward(self, mask_tokens: Tensor, features: Tensor) -> Tensor:
        weights = torch.stack(
            [net(mask_tokens[:, index]) for index, net in enumerate(self.hypernetworks)], dim=1
        )
        return (weights @ features.flatten(2)).unflatten(2, features.shape[2:])


def mlp(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    """Two linear layers around a ReLU."""
    return nn.Sequential(nn.Linear(width_in, hidden), nn.ReLU(), nn.Linear(hidden, width_out))


def three_layers(width: int, width_out: int, activation: type[nn.Module]) -> nn.Sequential:
    """Three linear layers with activations between."""
    return nn.Sequential(
        nn.Linear(width, width),
        activation(),
        nn.Linear(width, width),
        activation(),
        nn.Linear(width, width_out),
    )


def cell_centres(side: int) -> Tensor:
    """Centres (x, y) of a grid's cells, row by row, from -1 to 1: [side^2, 2]."""
    centres = 2 * (torch.arange(side) + 0.5) / side - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([x, y], dim=-1).view(-1, 2)


def fourier_positions(points: Tensor, frequencies: Tensor) -> Tensor:
    """Segment Anything's encoding of points (x, y) from -1 to 1 at frequencies [2, width / 2]."""
    angles = 2 * math.pi * points @ frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class ReferenceSam(nn.Module):
    """The network of the `reference` variant; no weights of it are public.

    What is known of it: the widths, the transformer's depth and width, and the sums of 10.16 M
    parameters and 26.3 GMAC at 512x512. The hidden width of the transformer's MLP is unpublished;
    we set it so that the parameters add up. A test holds both sums to 1 %, which says that the
    work is of the same amount, not that every layer is the same.

    It gives the project's four masks where that version kept three, and takes the project's three
    inputs: the positive and box maps are upsampled to the five channels that its stem expects,
    while the other maps and the prompt tokens are ignored.

    Args:
        config: widths and depths.
        size: side of the square input in pixels, a multiple of 256.

    Raises:
        ConfigError: `size` is not a multiple of 256.
    """

    cell_positions: Tensor

    def __init__(self, config: ReferenceConfig, size: int = PUBLISHED_SIZE) -> None:
        super().__init__()
        check_size(size, config.bottom_stride)
        self.size = size
        *skips, bottom = config.encoder
        self.stem = nn.Conv2d(RGB_BOX_AND_CLICKS, config.stem, 2, stride=2)
        self.encoder = nn.ModuleList(
            nn.Sequential(ConvReluBn(width_in, width_out), ConvReluBn(width_out, width_out))
            for width_in, width_out in pairwise((config.stem, *config.encoder))
        )
        self.output_tokens = nn.Parameter(torch.randn(1, 1 + NUM_MASKS, bottom))
        self.transformer = TwoWayTransformer(
            bottom, config.transformer_depth, config.heads, config.mlp_width
        )
        widths = (bottom, *reversed(skips[:-1]), config.stem)
        self.decoder = nn.ModuleList(
            ReferenceUpBlock(width_in, skip, width_out)
            for (width_in, width_out), skip in zip(pairwise(widths), reversed(skips), strict=True)
        )
        self.mask_heads = MaskHeads(mlp(bottom, bottom, config.stem) for _ in range(NUM_MASKS))
        self.iou_head = mlp(bottom, bottom, NUM_MASKS)
        centres = cell_centres(size // config.bottom_stride)
        positions = fourier_positions(centres, torch.randn(2, bottom // 2))
        self.register_buffer("cell_positions", positions[None])

    def attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Output tokens [B, 5, C] and image after the transformer at the bottom level."""
        tokens = self.output_tokens.expand(len(x), -1, -1)
        tokens, cells = self.transformer(tokens, x.flatten(2).transpose(1, 2), self.cell_positions)
        return tokens, cells.transpose(1, 2).view_as(x)

    def forward(
        self,
        image: Tensor,
        prompt_maps: Tensor,
        prompt_tokens: Tensor,  # noqa: ARG002 - late fusion is what this version lacks
    ) -> tuple[Tensor, Tensor]:
        """Masks for one set of prompts; see `SqueezeSam.forward`."""
        drawn = prompt_maps[:, [MapChannel.BOX, MapChannel.POSITIVE]]
        drawn = F.interpolate(drawn, scale_factor=float(MAP_STRIDE), mode="bilinear")
        x = self.stem(torch.cat([image, drawn], dim=1))
        skips = []
        for index, level in enumerate(self.encoder):
            x = level(x if index == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        tokens, x = self.attend(skips.pop())
        for stage in self.decoder:
            x = stage(x, skips.pop())
        iou = torch.sigmoid(self.iou_head(tokens[:, 0]))
        return self.mask_heads(tokens[:, 1:], x), iou
