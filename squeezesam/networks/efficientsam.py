"""EfficientSAM (arXiv 2312.00863): a plain vision transformer, and Segment Anything's decoder.

The encoder runs once for each photo, the decoder for each click. Where the decoder differs from
Segment Anything's: GELU throughout, one norm over all channels and pixels between the upscalings,
tokens keep their positions in the second layer, no prompt of an earlier mask, and no background
clicks. The decoder's first mask was meant for prompts without ambiguity, but works poorly, so that
the network gives the three others.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import EfficientSamConfig, SamConfig, check_size
from squeezesam.networks.products import PixelNorm, ProductAttention, TokenNorm, WholeNorm
from squeezesam.networks.reference import (
    TwoWayLayer,
    TwoWayTransformer,
    cell_centres,
    fourier_positions,
    three_layers,
)
from squeezesam.networks.unet import SizedNetwork
from squeezesam.spec import (
    ALTERNATIVES,
    EFFICIENTSAM,
    EFFICIENTSAM_LABELS,
    EFFICIENTSAM_SIZE,
    PIXEL_MEAN,
    PIXEL_SCALE,
    PointLabel,
)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of RGB in 0..1; the encoder was trained on photos that are normalised by them."""

EPS = 1e-6
"""Of the encoder's norms; those of the decoder have PyTorch's."""


def imagenet_scaling() -> tuple[Tensor, Tensor]:
    """Factor and summand, [1, 3, 1, 1] each, from our `image` to ImageNet's normalisation."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))
    return 1 / (255 * PIXEL_SCALE * std), (PIXEL_MEAN / 255 - mean) / std


class VitLayer(nn.Module):
    """Attention and MLP, each after a norm and beside an identity: [B, T, C] to the same."""

    def __init__(self, config: EfficientSamConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.width * config.mlp_ratio
        self.norm_attention = TokenNorm(width, EPS)
        self.attention = ProductAttention(width, config.heads)
        self.norm_mlp = TokenNorm(width, EPS)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm_attention(tokens)
        tokens = tokens + self.attention(normed, normed, normed)
        return tokens + self.mlp(self.norm_mlp(tokens))


class Neck(nn.Sequential):
    """1x1 convolution, norm, 3x3 convolution, norm."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
            PixelNorm(channels_out, EPS),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            PixelNorm(channels_out, EPS),
        )


def stretched(positions: Tensor, side: int) -> Tensor:
    """Learnt positions [1, g, g, C] resized to the tokens of an image, [1, side, side, C]."""
    planes = positions.permute(0, 3, 1, 2)
    return F.interpolate(planes, (side, side), mode="bicubic").permute(0, 2, 3, 1)


class ImageEncoder(nn.Module):
    """image [B, 3, S, S] -> image_embeddings [B, C, S/16, S/16].

    Attributes:
        rounds_products_only: int8 is for its layers with weights; sums along the layers, norms and
            attention lose too much by it.
    """

    rounds_products_only = True
    gain: Tensor
    shift: Tensor
    stretched: Tensor | None

    def __init__(self, config: EfficientSamConfig, side: int) -> None:
        super().__init__()
        self.side, self.grid = side, config.grid
        stride, width, channels = config.bottom_stride, config.width, config.channels
        self.patches = nn.Conv2d(3, width, stride, stride)
        class_token = 1  # its position is stored with the others and goes unused
        self.positions = nn.Parameter(torch.randn(1, class_token + config.grid**2, width) * 0.02)
        self.layers = nn.ModuleList(VitLayer(config) for _ in range(config.depth))
        self.neck = Neck(width, channels)
        gain, shift = imagenet_scaling()
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("stretched", None, persistent=False)

    @torch.no_grad()
    def fold(self) -> None:
        """Take the normalisation into the patches, and stretch the positions."""
        weight, bias = self.patches.weight, self.patches.bias
        assert bias is not None
        bias += (weight * self.shift).sum(dim=(1, 2, 3))
        weight *= self.gain
        self.gain, self.shift = torch.ones_like(self.gain), torch.zeros_like(self.shift)
        self.stretched = self.stretch()

    def stretch(self) -> Tensor:
        """Positions [1, T, C] of the tokens of the image."""
        grid = self.positions[:, 1:].unflatten(1, (self.grid, self.grid))
        return stretched(grid, self.side).flatten(1, 2).contiguous()

    def embed(self, image: Tensor) -> Tensor:
        """Tokens [B, T, C] of an image with their positions, row by row, before all layers."""
        positions = self.stretched
        if positions is None:
            image, positions = image * self.gain + self.shift, self.stretch()
        return self.patches(image).flatten(2).transpose(1, 2) + positions

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.embed(image)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.neck(tokens.transpose(1, 2).unflatten(2, (self.side, self.side)))


class PlacedLayer(TwoWayLayer):
    """In which attention among tokens is always a sum, and positions stay with the tokens."""

    def exchanged(self, tokens: Tensor, positions: Tensor) -> Tensor:
        placed = tokens if self.first else tokens + positions
        return placed + self.among_tokens(placed, placed, placed)


class PlacedTransformer(TwoWayTransformer):
    """The two-way transformer of EfficientSAM."""

    layer = PlacedLayer


def alternatives(
    tokens: Tensor, features: Tensor, filters: nn.ModuleList, quality: nn.Module, first: int = 1
) -> tuple[Tensor, Tensor]:
    """Masks and predicted IoUs, without those of the first mask.

    Args:
        tokens: [B, T, C], the quality of all masks, then each mask, then whatever else.
        features: of the pixels, [B, F, H, W].
        filters: what makes F factors of the token of each mask.
        quality: what makes the IoUs of all masks of the first token.
        first: the masks before this one are left out.

    Returns:
        masks [B, M, H, W] as logits and predicted IoUs [B, M].
    """
    factors = [filters[mask](tokens[:, 1 + mask : 2 + mask]) for mask in range(first, len(filters))]
    masks = torch.bmm(torch.cat(factors, dim=1), features.flatten(2))
    return masks.unflatten(2, features.shape[2:]), quality(tokens[:, :1]).flatten(1)[:, first:]


class MaskDecoder(nn.Module):
    """Image embeddings and prompts -> low_res_masks [B, M, S/4, S/4] and iou_predictions [B, M].

    Attributes:
        rounds_products_only: as in `ImageEncoder`.
        labels: of points, in the order of the columns of `point_kinds`.
        first_mask: the masks before this one are not given.
        transformer_type, activation, norm: what Segment Anything has others of.
    """

    rounds_products_only = True
    labels: ClassVar[tuple[PointLabel, ...]] = EFFICIENTSAM_LABELS
    first_mask: ClassVar[int] = 1
    transformer_type: ClassVar[type[TwoWayTransformer]] = PlacedTransformer
    activation: ClassVar[type[nn.Module]] = nn.GELU
    norm: ClassVar[Callable[[int], nn.Module]] = WholeNorm
    frequencies: Tensor
    placed: Tensor | None

    def __init__(self, config: EfficientSamConfig | SamConfig, side: int) -> None:
        super().__init__()
        self.side, width = side, config.channels
        masks = 1 + ALTERNATIVES
        self.register_buffer("frequencies", torch.randn(2, width // 2))
        self.label_vectors = nn.Parameter(torch.randn(len(self.labels), width))
        self.output_tokens = nn.Parameter(torch.randn(1, 1 + masks, width))
        self.transformer = self.transformer_type(
            width,
            config.decoder_depth,
            config.decoder_heads,
            config.decoder_mlp,
            ProductAttention,
            self.activation,
            TokenNorm,
        )
        self.upscale = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, stride=2),
            type(self).norm(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, stride=2),
            nn.GELU(),
        )
        self.filters = nn.ModuleList(
            three_layers(width, width // 8, self.activation) for _ in range(masks)
        )
        self.quality = three_layers(width, masks, self.activation)
        self.register_buffer("placed", None, persistent=False)

    def fold(self) -> None:
        """Encode the positions of the image's cells."""
        self.placed = self.cell_positions().contiguous()

    def cell_positions(self) -> Tensor:
        """Codes [1, T, C] of the positions of the image's cells."""
        centres = cell_centres(self.side).to(self.frequencies)
        return fourier_positions(centres, self.frequencies)[None]

    def prompts(self, points: Tensor, point_kinds: Tensor) -> Tensor:
        """Tokens [B, P, C] of points [B, P, 2] and their kinds [B, P, L]."""
        return fourier_positions(points, self.frequencies) + point_kinds @ self.label_vectors

    def exchanged(
        self, image_embeddings: Tensor, points: Tensor, point_kinds: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens [B, T, C] and cells [B, C, h, w] that know of each other."""
        own: Tensor = self.output_tokens
        if len(points) > 1:  # in an exported graph, expanding one to one would be a copy
            own = own.expand(len(points), -1, -1)
        positions = self.cell_positions() if self.placed is None else self.placed
        tokens, cells = self.transformer(
            torch.cat([own, self.prompts(points, point_kinds)], dim=1),
            image_embeddings.flatten(2).transpose(1, 2),
            positions,
        )
        return tokens, cells.transpose(1, 2).unflatten(2, image_embeddings.shape[2:])

    def answers(self, tokens: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Masks and predicted IoUs of tokens and of the features of pixels."""
        return alternatives(tokens, features, self.filters, self.quality, self.first_mask)

    def forward(
        self, image_embeddings: Tensor, points: Tensor, point_kinds: Tensor
    ) -> tuple[Tensor, Tensor]:
        tokens, cells = self.exchanged(image_embeddings, points, point_kinds)
        return self.answers(tokens, self.upscale(cells))


class EfficientSam(SizedNetwork):
    """The network of the `efficientsam_ti` and `efficientsam_s` variants.

    Args:
        config: widths and depths.
        size: side of the square input in pixels, a multiple of 16. Published weights were trained
            at 1024.

    Raises:
        ConfigError: `size` is not a multiple of 16.
    """

    kind = EFFICIENTSAM

    def __init__(self, config: EfficientSamConfig, size: int = EFFICIENTSAM_SIZE) -> None:
        super().__init__()
        self.config = config
        check_size(size, config.bottom_stride)
        side = size // config.bottom_stride
        self.encoder, self.decoder = ImageEncoder(config, side), MaskDecoder(config, side)
        self.size = size

    def set_size(self, size: int) -> None:
        """Prepare for inputs of `size` pixels; not for a folded network."""
        check_size(size, self.config.bottom_stride)
        self.size = size
        self.encoder.side = self.decoder.side = size // self.config.bottom_stride

    @property
    def graphs(self) -> tuple[nn.Module, ...]:
        """The encoder and the decoder."""
        return self.encoder, self.decoder

    def forward(self, image: Tensor, points: Tensor, point_kinds: Tensor) -> tuple[Tensor, Tensor]:
        """Masks for one set of prompts; `squeezesam.spec` defines every tensor.

        Args:
            image: [B, 3, S, S].
            points: [B, 6, 2].
            point_kinds: [B, 6, 4].

        Returns:
            low_res_masks [B, 3, S/4, S/4] as logits and iou_predictions [B, 3].
        """
        return self.decoder(self.encoder(image), points, point_kinds)
