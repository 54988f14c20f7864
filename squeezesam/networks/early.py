"""The early public version of SqueezeSAM, layer by layer, so that its checkpoint can be loaded.

The `reference` variant has only its size: it is a yardstick of speed that takes our own inputs.
Here are the layers themselves: a norm after the stem, upscaling by a linear layer, a transformer
that sees no positions of the image, and one token of zeros in the place of prompts.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import EarlySamConfig, check_size
from squeezesam.networks.efficientsam import PlacedTransformer, alternatives, imagenet_scaling
from squeezesam.networks.reference import RGB_BOX_AND_CLICKS, ConvReluBn, three_layers
from squeezesam.networks.unet import SizedNetwork
from squeezesam.spec import ALTERNATIVES, EARLY, EARLY_SIZE


class EarlyUpBlock(nn.Module):
    """Four pixels of each cell by a linear layer, joined to the skip and mixed."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        half = channels_in // 2
        self.up = nn.Linear(channels_in, 4 * half)
        self.norm = nn.BatchNorm2d(4 * half)
        self.mix = nn.Sequential(
            ConvReluBn(channels_out + half, channels_out), ConvReluBn(channels_out, channels_out)
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        pixels = F.relu(self.up(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return self.mix(torch.cat([skip, F.pixel_shuffle(self.norm(pixels), 2)], dim=1))


class EarlySam(SizedNetwork):
    """The network of the `early` variant.

    Args:
        config: widths and depths.
        size: side of the square input in pixels, a multiple of 256; its weights were trained at
            512.

    Raises:
        ConfigError: `size` is not a multiple of 256.
    """

    kind = EARLY
    gain: Tensor
    shift: Tensor
    nowhere: Tensor

    def __init__(self, config: EarlySamConfig, size: int = EARLY_SIZE) -> None:
        super().__init__()
        self.config = config
        self.set_size(size)
        bottom, masks = config.encoder[-1], 1 + ALTERNATIVES
        self.stem = nn.Sequential(
            nn.Conv2d(RGB_BOX_AND_CLICKS, config.stem, 2, stride=2), nn.GroupNorm(1, config.stem)
        )
        self.encoder = nn.ModuleList(
            nn.Sequential(ConvReluBn(before, after), ConvReluBn(after, after))
            for before, after in pairwise((config.stem, *config.encoder))
        )
        self.output_tokens = nn.Parameter(torch.randn(1, 1 + masks, bottom))
        self.transformer = PlacedTransformer(
            bottom, config.transformer_depth, config.heads, config.mlp_width
        )
        self.decoder = nn.ModuleList(
            EarlyUpBlock(before, after) for before, after in pairwise(reversed(config.encoder))
        )
        self.filters = nn.ModuleList(
            three_layers(bottom, config.encoder[0], nn.ReLU) for _ in range(masks)
        )
        self.quality = three_layers(bottom, masks, nn.ReLU)
        gain, shift = imagenet_scaling()
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("nowhere", torch.zeros(1, 1, bottom), persistent=False)

    def set_size(self, size: int) -> None:
        """See `SizedNetwork.set_size`."""
        check_size(size, self.config.bottom_stride)
        self.size = size

    def forward(self, image: Tensor, drawn_prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Masks for one set of prompts; `squeezesam.spec` defines every tensor.

        Args:
            image: [B, 3, S, S].
            drawn_prompts: [B, 2, S, S].

        Returns:
            low_res_masks [B, 3, S/2, S/2] as logits and iou_predictions [B, 3].
        """
        x = self.stem(torch.cat([image * self.gain + self.shift, drawn_prompts], dim=1))
        skips = []
        for index, level in enumerate(self.encoder):
            x = level(x if index == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        x = skips.pop()
        own = torch.cat([self.output_tokens, self.nowhere], dim=1).expand(len(x), -1, -1)
        tokens, cells = self.transformer(own, x.flatten(2).transpose(1, 2), self.nowhere)
        x = cells.transpose(1, 2).unflatten(2, x.shape[2:])
        for stage in self.decoder:
            x = stage(x, skips.pop())
        return alternatives(tokens, x, self.filters, self.quality)
