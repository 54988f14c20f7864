"""EfficientSAM (arXiv 2312.00863): a plain vision transformer, and Segment Anything's decoder.

The encoder runs once for each photo, the decoder for each click. Where the decoder differs from
Segment Anything's: GELU throughout, one norm over all channels and pixels between the upscalings,
tokens keep their positions in the second layer, no prompt of an earlier mask, and no background
clicks. The decoder's first mask was meant for prompts without ambiguity, but works poorly, so that
the network gives the three others.

`write_out` replaces what leaves the XNNPACK delegate, norms and fused attention, by products and
sums that it takes; the mathematics is the same.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import EfficientSamConfig, check_size
from squeezesam.networks.reference import (
    ProjectedAttention,
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


def mixed_by_products(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Attention written out as products of three dimensions; four would be copied.

    Args:
        query: [B, H, T, D], as what is returned.
        key: [B, H, U, D].
        value: [B, H, U, D].
        bias: added to the scores, [H, T, U]; None for none.
    """
    scaled = query.flatten(0, 1) * query.shape[-1] ** -0.5
    scores = torch.bmm(scaled, key.flatten(0, 1).transpose(1, 2))
    if bias is not None:
        scores = (scores.unflatten(0, query.shape[:2]) + bias).flatten(0, 1)
    weights = torch.softmax(scores, dim=-1)
    return torch.bmm(weights, value.flatten(0, 1)).unflatten(0, query.shape[:2])


class ProductAttention(ProjectedAttention):
    """Attention that can be written out as products."""

    is_written_out = False

    def write_out(self) -> None:
        """Use no fused operator any more."""
        self.is_written_out = True

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if not self.is_written_out:
            return super().mix(query, key, value)
        return mixed_by_products(query, key, value)


class TokenNorm(nn.LayerNorm):
    """LayerNorm over C of [B, T, C], whose means can be written out as products; B is then 1."""

    shares: Tensor | None

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__(width, eps=eps)
        self.register_buffer("shares", None, persistent=False)

    def write_out(self) -> None:
        """Use no fused operator any more."""
        width = len(self.weight)
        self.shares = torch.full((1, width, 1), 1 / width)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.shares is None:
            return super().forward(tokens)
        centred = tokens - torch.bmm(tokens, self.shares)
        variance = torch.bmm(centred * centred, self.shares)
        return centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias


class PixelNorm(TokenNorm):
    """LayerNorm over C of [B, C, H, W]."""

    def forward(self, image: Tensor) -> Tensor:
        tokens = super().forward(image.flatten(2).transpose(1, 2))
        return tokens.transpose(1, 2).unflatten(2, image.shape[2:])


class WholeNorm(nn.GroupNorm):
    """Norm over C, H and W of [B, C, H, W], whose means can be written out; B is then 1."""

    shares: Tensor | None
    gain: Tensor
    shift: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)
        self.register_buffer("shares", None, persistent=False)
        self.register_buffer("gain", None, persistent=False)
        self.register_buffer("shift", None, persistent=False)

    def write_out(self) -> None:
        """Use no fused operator any more."""
        count = self.num_channels
        self.shares = torch.full((1, count, 1), 1 / count)
        self.gain = self.weight.detach().view(1, count, 1, 1)
        self.shift = self.bias.detach().view(1, count, 1, 1)

    def mean(self, image: Tensor) -> Tensor:
        """Mean [1, 1, 1, 1] of [1, C, H, W]."""
        assert self.shares is not None
        by_channel = image.mean((2, 3), keepdim=True).view(1, 1, self.num_channels)
        return torch.bmm(by_channel, self.shares).view(1, 1, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        if self.shares is None:
            return super().forward(image)
        centred = image - self.mean(image)
        variance = self.mean(centred * centred)
        return centred * torch.rsqrt(variance + self.eps) * self.gain + self.shift


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
        self.neck = nn.Sequential(
            nn.Conv2d(width, channels, 1, bias=False),
            PixelNorm(channels, EPS),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            PixelNorm(channels, EPS),
        )
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
        grid = self.positions[:, 1:].transpose(1, 2).unflatten(2, (self.grid, self.grid))
        resized = F.interpolate(grid, (self.side, self.side), mode="bicubic")
        return resized.flatten(2).transpose(1, 2).contiguous()

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
    tokens: Tensor, features: Tensor, filters: nn.ModuleList, quality: nn.Module
) -> tuple[Tensor, Tensor]:
    """Masks and predicted IoUs, without those of the first mask.

    Args:
        tokens: [B, T, C], the quality of all masks, then each mask, then whatever else.
        features: of the pixels, [B, F, H, W].
        filters: what makes F factors of the token of each mask.
        quality: what makes the IoUs of all masks of the first token.

    Returns:
        masks [B, 3, H, W] as logits and predicted IoUs [B, 3].
    """
    factors = [filters[mask](tokens[:, 1 + mask : 2 + mask]) for mask in range(1, len(filters))]
    masks = torch.bmm(torch.cat(factors, dim=1), features.flatten(2))
    return masks.unflatten(2, features.shape[2:]), quality(tokens[:, :1]).flatten(1)[:, 1:]


class MaskDecoder(nn.Module):
    """Image embeddings and prompts -> low_res_masks [B, 3, S/4, S/4] and iou_predictions [B, 3].

    Attributes:
        rounds_products_only: as in `ImageEncoder`.
    """

    rounds_products_only = True
    frequencies: Tensor
    placed: Tensor | None

    def __init__(self, config: EfficientSamConfig, side: int) -> None:
        super().__init__()
        self.side, width = side, config.channels
        masks = 1 + ALTERNATIVES  # the first is not given
        self.register_buffer("frequencies", torch.randn(2, width // 2))
        self.label_vectors = nn.Parameter(torch.randn(len(EFFICIENTSAM_LABELS), width))
        self.output_tokens = nn.Parameter(torch.randn(1, 1 + masks, width))
        self.transformer = PlacedTransformer(
            width,
            config.decoder_depth,
            config.decoder_heads,
            config.decoder_mlp,
            ProductAttention,
            nn.GELU,
            TokenNorm,
        )
        self.upscale = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, stride=2),
            WholeNorm(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, stride=2),
            nn.GELU(),
        )
        self.filters = nn.ModuleList(three_layers(width, width // 8, nn.GELU) for _ in range(masks))
        self.quality = three_layers(width, masks, nn.GELU)
        self.register_buffer("placed", None, persistent=False)

    def fold(self) -> None:
        """Encode the positions of the image's cells."""
        self.placed = self.cell_positions().contiguous()

    def cell_positions(self) -> Tensor:
        """Codes [1, T, C] of the positions of the image's cells."""
        centres = cell_centres(self.side).to(self.frequencies)
        return fourier_positions(centres, self.frequencies)[None]

    def forward(
        self, image_embeddings: Tensor, points: Tensor, point_kinds: Tensor
    ) -> tuple[Tensor, Tensor]:
        prompts = fourier_positions(points, self.frequencies) + point_kinds @ self.label_vectors
        own: Tensor = self.output_tokens
        if len(points) > 1:  # in an exported graph, expanding one to one would be a copy
            own = own.expand(len(points), -1, -1)
        positions = self.cell_positions() if self.placed is None else self.placed
        tokens, cells = self.transformer(
            torch.cat([own, prompts], dim=1),
            image_embeddings.flatten(2).transpose(1, 2),
            positions,
        )
        features = self.upscale(cells.transpose(1, 2).unflatten(2, image_embeddings.shape[2:]))
        return alternatives(tokens, features, self.filters, self.quality)


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
