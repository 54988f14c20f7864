"""The Segment Anything family: SAM itself (arXiv 2304.02643), MobileSAM and EdgeSAM.

They share the decoder and differ in the encoder. The encoder runs once for each photo, the decoder
for each set of prompts.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from squeezesam.networks.configs import (
    SamConfig,
    TinyVitConfig,
    WindowedVitConfig,
    check_size,
)
from squeezesam.networks.efficientsam import EPS, MaskDecoder, Neck, imagenet_scaling
from squeezesam.networks.products import PixelNorm
from squeezesam.networks.reference import TwoWayTransformer, fourier_positions
from squeezesam.networks.rep_vit import FusedRepVit
from squeezesam.networks.tiny_vit import TinyVit
from squeezesam.networks.unet import SizedNetwork
from squeezesam.networks.windowed_vit import WindowedVit
from squeezesam.spec import SAM, SAM_LABELS, SAM_SIZE, PointLabel

EARLIER_CHANNELS = (4, 16)
"""Of an earlier mask on its way to the size of the image embeddings."""


class SamEncoder(nn.Module):
    """image [B, 3, S, S] -> image_embeddings [B, C, S/16, S/16], or whatever the neck gives.

    Args:
        trunk: of the image normalised as ImageNet's are.
        neck: of what the trunk gives.
    """

    gain: Tensor
    shift: Tensor

    def __init__(self, trunk: nn.Module, neck: nn.Module) -> None:
        super().__init__()
        self.trunk, self.neck = trunk, neck
        gain, shift = imagenet_scaling()
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, image: Tensor) -> Any:
        return self.neck(self.trunk(image * self.gain + self.shift))


def encoder_of(config: SamConfig) -> SamEncoder:
    """The encoder of a configuration."""
    trunk, channels = config.trunk, config.channels
    if isinstance(trunk, WindowedVitConfig):
        return SamEncoder(WindowedVit(trunk, config.bottom_stride), Neck(trunk.width, channels))
    if isinstance(trunk, TinyVitConfig):
        return SamEncoder(TinyVit(trunk), Neck(trunk.widths[-1], channels))
    return SamEncoder(FusedRepVit(trunk, channels), Neck(channels, channels))


class SamDecoder(MaskDecoder):
    """EfficientSAM's decoder with what Segment Anything's has of its own.

    An unused slot has no position, and what an earlier mask says is added to the image embeddings.
    """

    labels = SAM_LABELS
    first_mask = 0
    transformer_type = TwoWayTransformer
    activation = nn.ReLU
    norm: ClassVar[Callable[[int], nn.Module]] = partial(PixelNorm, eps=EPS)

    def __init__(self, config: SamConfig, side: int) -> None:
        super().__init__(config, side)
        few, more = EARLIER_CHANNELS
        self.no_mask = nn.Parameter(torch.randn(1, config.channels))
        self.earlier = nn.Sequential(
            nn.Conv2d(1, few, 2, stride=2),
            PixelNorm(few, EPS),
            nn.GELU(),
            nn.Conv2d(few, more, 2, stride=2),
            PixelNorm(more, EPS),
            nn.GELU(),
            nn.Conv2d(more, config.channels, 1),
        )

    def prompts(self, points: Tensor, point_kinds: Tensor) -> Tensor:
        """See `MaskDecoder.prompts`."""
        unused = SAM_LABELS.index(PointLabel.PAD)
        is_used = 1 - point_kinds[..., unused : unused + 1]
        return (
            fourier_positions(points, self.frequencies) * is_used + point_kinds @ self.label_vectors
        )

    def forward(
        self,
        image_embeddings: Tensor,
        points: Tensor,
        point_kinds: Tensor,
        mask_input: Tensor | None = None,
        has_mask_input: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Masks for one set of prompts; without an earlier mask, the last two may be left out."""
        said = self.no_mask[..., None, None]
        if mask_input is not None and has_mask_input is not None:
            said = said + (self.earlier(mask_input) - said) * has_mask_input
        return super().forward(image_embeddings + said, points, point_kinds)


class Sam(SizedNetwork):
    """The network of the `sam_vit_b`, `_l` and `_h`, the `mobile_sam` and the `edge_sam` variants.

    Args:
        config: of the encoder and the decoder.
        size: side of the square input in pixels, a multiple of 16. Published weights were trained
            at 1024.

    Raises:
        ConfigError: `size` is not a multiple of 16.
    """

    kind = SAM

    def __init__(self, config: SamConfig, size: int = SAM_SIZE) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder_of(config)
        self.decoder = SamDecoder(config, size // config.bottom_stride)
        self.set_size(size)

    def set_size(self, size: int) -> None:
        """See `SizedNetwork.set_size`; not for a folded network."""
        check_size(size, self.config.bottom_stride)
        self.size, side = size, size // self.config.bottom_stride
        self.decoder.side = side
        if isinstance(self.encoder.trunk, WindowedVit):
            self.encoder.trunk.set_side(side)

    @property
    def graphs(self) -> tuple[nn.Module, ...]:
        """The encoder and the decoder."""
        return self.encoder, self.decoder

    def forward(
        self,
        image: Tensor,
        points: Tensor,
        point_kinds: Tensor,
        mask_input: Tensor | None = None,
        has_mask_input: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Masks for one set of prompts; `squeezesam.spec` defines every tensor.

        Args:
            image: [B, 3, S, S].
            points: [B, P, 2].
            point_kinds: [B, P, 5].
            mask_input: [B, 1, S/4, S/4] logits of an earlier mask, or None.
            has_mask_input: [1], or None.

        Returns:
            low_res_masks [B, 4, S/4, S/4] as logits and iou_predictions [B, 4].
        """
        embeddings = self.encoder(image)
        return self.decoder(embeddings, points, point_kinds, mask_input, has_mask_input)
