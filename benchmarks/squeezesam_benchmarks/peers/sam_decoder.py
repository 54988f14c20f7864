"""Segment Anything's mask decoder (arXiv 2304.02643), and EfficientSAM's variation of it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from squeezesam.network.reference import MaskHeads
from squeezesam.network.two_way_transformer import TwoWayTransformer
from squeezesam_benchmarks.peers.attention import PeerAttention

MASK_TOKENS = 4


@dataclass(frozen=True)
class SamDecoderConfig:
    """Dimensions of the decoder, and where the two families differ.

    Attributes:
        activation: in the MLPs; the upscaling has GELU in both.
        norm: of the channels between the two upscalings.
        first_mask: masks before this one are computed and dropped.
    """

    activation: type[nn.Module]
    norm: Callable[[int], nn.Module]
    first_mask: int
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
        self.output_tokens = nn.Parameter(torch.randn(1, 1 + MASK_TOKENS, width))
        self.transformer = TwoWayTransformer(
            width,
            config.depth,
            config.heads,
            config.mlp_width,
            PeerAttention,
            config.activation,
        )
        self.upscale = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, stride=2),
            config.norm(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, stride=2),
            nn.GELU(),
        )
        self.mask_heads = MaskHeads(
            three_layers(width, width // 8, config.activation) for _ in range(MASK_TOKENS)
        )
        self.iou_head = three_layers(width, MASK_TOKENS, config.activation)

    def forward(self, image: Tensor, prompts: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Decode one click.

        Args:
            image: [1, C, H, W] of the encoder.
            prompts: tokens [1, N, C].
            positions: of the encoder's cells, [1, H * W, C].

        Returns:
            masks [1, M, 4 H, 4 W] as logits and predicted IoUs [1, M].
        """
        tokens = torch.cat([self.output_tokens, prompts], dim=1)
        tokens, cells = self.transformer(tokens, image.flatten(2).transpose(1, 2), positions)
        features = self.upscale(cells.transpose(1, 2).view_as(image))
        masks = self.mask_heads(tokens[:, 1 : 1 + MASK_TOKENS], features)
        ious = self.iou_head(tokens[:, 0])
        return masks[:, self.first_mask :], ious[:, self.first_mask :]


def three_layers(width: int, width_out: int, activation: type[nn.Module]) -> nn.Sequential:
    """Three linear layers with activations between."""
    return nn.Sequential(
        nn.Linear(width, width),
        activation(),
        nn.Linear(width, width),
        activation(),
        nn.Linear(width, width_out),
    )
