"""One click end to end as one network: encoder, neck, prompt encoder and mask decoder.

Its convolutions for a mask as prompt are left out: a click does not run them, and they have 5 k
parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.reference import (
    MaskHeads,
    TwoWayTransformer,
    cell_centres,
    fourier_positions,
    three_layers,
)
from squeezesam.spec import IOU_PREDICTIONS, LOW_RES_MASKS, PointLabel, TensorSpec
from squeezesam_benchmarks.peers.layers import ChannelNorm, PeerAttention, PeerNetwork


class Neck(nn.Sequential):
    """1x1 convolution, norm, 3x3 convolution, norm."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
            ChannelNorm(channels_out),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            ChannelNorm(channels_out),
        )


class SamPrompts(nn.Module):
    """Random Fourier features of each point plus a learnt vector of its label.

    Args:
        width: of the vectors.
        size: side of the square image in pixels.
        side: of the encoder's grid in cells.
        labels: the codes that have a vector.
    """

    cell_positions: Tensor
    frequencies: Tensor
    codes: Tensor

    def __init__(self, width: int, size: int, side: int, labels: tuple[PointLabel, ...]) -> None:
        super().__init__()
        self.size = size
        self.label_vectors = nn.Parameter(torch.randn(len(labels), width))
        frequencies = torch.randn(2, width // 2)
        positions = fourier_positions(cell_centres(side), frequencies)
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("codes", torch.tensor([float(label) for label in labels]))
        self.register_buffer("cell_positions", positions[None])

    def forward(self, coords: Tensor, labels: Tensor) -> Tensor:
        """Tokens [1, N, width] of points [1, N, 2] in input pixels and labels [1, N]."""
        points = 2 * (coords + 0.5) / self.size - 1  # clicks are at pixel centres
        is_point = (labels != float(PointLabel.PAD)).float().unsqueeze(-1)
        chosen = (labels.unsqueeze(-1) == self.codes).float()
        return fourier_positions(points, self.frequencies) * is_point + chosen @ self.label_vectors


MASK_TOKENS = 4


@dataclass(frozen=True)
class SamDecoderConfig:
    """Dimensions of the decoder, and where the two families differ.

    Attributes:
        activation: in the MLPs; the upscaling has GELU in both.
        norm: of the channels between the two upscalings.
        first_mask: masks before this one are computed and dropped.
        takes_fine: whether finer maps of the encoder are added to the masks while they are
            upscaled, as in SAM 2.
        bounds_ious: whether predicted IoUs are between 0 and 1.
    """

    activation: type[nn.Module]
    norm: Callable[[int], nn.Module]
    first_mask: int
    takes_fine: bool = False
    bounds_ious: bool = False
    width: int = 256
    depth: int = 2
    heads: int = 8
    mlp_width: int = 2048


class SamDecoder(nn.Module):
    """Masks at four times the encoder's grid, and a predicted IoU for each."""

    def __init__(self, config: SamDecoderConfig) -> None:
        super().__init__()
        width = config.width
        self.first_mask = config.first_mask
        self.bounds_ious = config.bounds_ious
        self.output_tokens = nn.Parameter(torch.randn(1, 1 + MASK_TOKENS, width))
        self.transformer = TwoWayTransformer(
            width,
            config.depth,
            config.heads,
            config.mlp_width,
            PeerAttention,
            config.activation,
        )
        self.to_half = nn.ConvTranspose2d(width, width // 4, 2, stride=2)
        self.norm = config.norm(width // 4)
        self.to_quarter = nn.ConvTranspose2d(width // 4, width // 8, 2, stride=2)
        self.mask_heads = MaskHeads(
            three_layers(width, width // 8, config.activation) for _ in range(MASK_TOKENS)
        )
        self.iou_head = three_layers(width, MASK_TOKENS, config.activation)

    def forward(
        self,
        image: Tensor,
        prompts: Tensor,
        positions: Tensor,
        half: Tensor | None = None,
        quarter: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decode one click.

        Args:
            image: [1, C, H, W] of the encoder.
            prompts: tokens [1, N, C].
            positions: of the encoder's cells, [1, H * W, C].
            half: a finer map of the encoder, [1, C / 4, 2 H, 2 W], or None.
            quarter: another one, [1, C / 8, 4 H, 4 W], or None.

        Returns:
            masks [1, M, 4 H, 4 W] as logits and predicted IoUs [1, M].
        """
        tokens = torch.cat([self.output_tokens, prompts], dim=1)
        tokens, cells = self.transformer(tokens, image.flatten(2).transpose(1, 2), positions)
        features = plus(self.to_half(cells.transpose(1, 2).view_as(image)), half)
        features = F.gelu(plus(self.to_quarter(F.gelu(self.norm(features))), quarter))
        masks = self.mask_heads(tokens[:, 1 : 1 + MASK_TOKENS], features)
        ious = self.iou_head(tokens[:, 0])
        if self.bounds_ious:
            ious = torch.sigmoid(ious)
        return masks[:, self.first_mask :], ious[:, self.first_mask :]


def plus(features: Tensor, more: Tensor | None) -> Tensor:
    """A sum, or the features alone."""
    return features if more is None else features + more


ENCODER_STRIDE = 16
MASK_STRIDE = 4
POINT_SLOTS = 2
"""One click and one padding point, as in Segment Anything's own ONNX export. EfficientSAM pads to
six points; two are in its favour."""

IMAGE, POINT_COORDS, POINT_LABELS = "image", "point_coords", "point_labels"
FEATURES = ("image_embeddings", "half_features", "quarter_features")


class ClickDecoder(PeerNetwork):
    """Prompt encoder and mask decoder: all that a click runs on a photo that is encoded already.

    Args:
        decoder: dimensions of the decoder.
        labels: codes of the points that the prompt encoder knows.
        size: side of the square input of the whole network in pixels.
    """

    def __init__(
        self, decoder: SamDecoderConfig, labels: tuple[PointLabel, ...], size: int
    ) -> None:
        super().__init__(size)
        self.config = decoder
        self.masks = MASK_TOKENS - decoder.first_mask
        self.side = size // ENCODER_STRIDE
        self.prompts = SamPrompts(decoder.width, size, self.side, labels)
        self.decoder = SamDecoder(decoder)

    def forward(
        self,
        coords: Tensor,
        labels: Tensor,
        image: Tensor,
        half: Tensor | None = None,
        quarter: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Masks for the points.

        Args:
            coords: [1, N, 2] in input pixels.
            labels: [1, N], codes of `PointLabel` as floats.
            image: what the encoder makes of the photo, [1, C, size / 16, size / 16].
            half: its finer map [1, C / 4, size / 8, size / 8], where the decoder takes one.
            quarter: its finest map [1, C / 8, size / 4, size / 4], likewise.

        Returns:
            masks [1, M, size / 4, size / 4] as logits and predicted IoUs [1, M].
        """
        prompts = self.prompts(coords, labels)
        return self.decoder(image, prompts, self.prompts.cell_positions, half, quarter)

    def feature_specs(self) -> tuple[TensorSpec, ...]:
        """What the encoder hands on."""
        shapes = [
            (1, self.config.width // share, scale * self.side, scale * self.side)
            for share, scale in ((1, 1), (4, 2), (8, 4))
        ]
        count = len(shapes) if self.config.takes_fine else 1
        return tuple(
            TensorSpec(name, shape, "what the encoder makes of the photo")
            for name, shape in zip(FEATURES[:count], shapes[:count], strict=True)
        )

    def point_specs(self) -> tuple[TensorSpec, ...]:
        """The points and their labels."""
        return (
            TensorSpec(POINT_COORDS, (1, POINT_SLOTS, 2), "x, y in input pixels"),
            TensorSpec(POINT_LABELS, (1, POINT_SLOTS), "-1 padding, 0 negative, 1 positive"),
        )

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Inputs, in call order."""
        return self.point_specs() + self.feature_specs()

    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Outputs, in order."""
        side = self.size // MASK_STRIDE
        return (
            TensorSpec(LOW_RES_MASKS, (1, self.masks, side, side), "mask logits"),
            TensorSpec(IOU_PREDICTIONS, (1, self.masks), "predicted IoU of each mask"),
        )


class ClickNetwork(PeerNetwork):
    """A network of the Segment Anything family, as the first click on a photo runs it.

    Args:
        encoder: of [1, 3, size, size] into what the neck takes.
        neck: gives [1, C, size / 16, size / 16], or a tuple that begins with it and goes on with
            the finer maps that the decoder takes.
        decoder: dimensions of the decoder.
        labels: codes of the points that the prompt encoder knows.
        adds_no_mask: whether a learnt vector says that no mask is among the prompts.
        size: side of the square input in pixels.
    """

    def __init__(
        self,
        encoder: nn.Module,
        neck: nn.Module,
        decoder: SamDecoderConfig,
        labels: tuple[PointLabel, ...],
        *,
        adds_no_mask: bool,
        size: int,
    ) -> None:
        super().__init__(size)
        self.encoder = encoder
        self.neck = neck
        no_mask = torch.randn(1, decoder.width, 1, 1)
        self.no_mask = nn.Parameter(no_mask) if adds_no_mask else None
        self.click = ClickDecoder(decoder, labels, size)
        self.masks = self.click.masks

    def encoded(self, image: Tensor) -> tuple[Tensor, ...]:
        """What the decoder takes of an image [1, 3, size, size]."""
        features = self.neck(self.encoder(image))
        embedding, *fine = (features,) if isinstance(features, Tensor) else features
        return plus(embedding, self.no_mask), *fine

    def forward(self, image: Tensor, coords: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Masks for the points.

        Args:
            image: [1, 3, size, size], RGB normalised as the family does.
            coords: [1, N, 2] in input pixels.
            labels: [1, N], codes of `PointLabel` as floats.

        Returns:
            masks [1, M, size / 4, size / 4] as logits and predicted IoUs [1, M].
        """
        return self.click(coords, labels, *self.encoded(image))

    def later_click(self) -> ClickDecoder:
        """The decoder alone."""
        return self.click

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Inputs, in call order."""
        image = TensorSpec(IMAGE, (1, 3, self.size, self.size), "RGB minus ImageNet mean over std")
        return (image, *self.click.point_specs())

    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Outputs, in order."""
        return self.click.output_specs()
