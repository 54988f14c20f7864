"""The image path of EdgeTAM (arXiv 2501.07256): RepViT-M1, a feature pyramid and SAM 2's decoder.

The two coarsest levels become the image embedding, and the two finer ones are added to the masks
while the decoder upscales them. EdgeTAM's memory of earlier frames does not run on a photo, and
neither does the score that says whether an object is still there.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.rep_vit import RepVit
from squeezesam.networks.sam import SamDecoder
from squeezesam.spec import (
    EFFICIENTSAM_MASK_STRIDE,
    EMBEDDING_CHANNELS,
    EMBEDDING_STRIDE,
    TensorSpec,
    embedding_specs,
)


class RepVitLevels(RepVit):
    """Image [B, 3, size, size] -> the maps of all stages, at 1/4, 1/8, 1/16 and 1/32."""

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


def pyramid_specs(size: int) -> tuple[TensorSpec, ...]:
    """What the encoder gives to the decoder, for a square image of `size` pixels."""
    half, quarter = size * 2 // EMBEDDING_STRIDE, size // EFFICIENTSAM_MASK_STRIDE
    return (
        *embedding_specs(size),
        TensorSpec("half_features", (1, EMBEDDING_CHANNELS // 4, half, half), "a finer map"),
        TensorSpec(
            "quarter_features", (1, EMBEDDING_CHANNELS // 8, quarter, quarter), "the finest map"
        ),
    )


class FineDecoder(SamDecoder):
    """Segment Anything's decoder with finer maps of the encoder, and predicted IoUs in 0..1."""

    def forward(  # type: ignore[override]
        self, embedding: Tensor, half: Tensor, quarter: Tensor, points: Tensor, point_kinds: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Masks and predicted IoUs of one click, from the tensors of `pyramid_specs`."""
        image = embedding + self.no_mask[..., None, None]
        tokens, cells = self.exchanged(image, points, point_kinds)
        to_half, norm, bend, to_quarter, bend_again = self.upscale
        features = bend(norm(to_half(cells) + half))
        masks, ious = self.answers(tokens, bend_again(to_quarter(features) + quarter))
        return masks, torch.sigmoid(ious)
