"""SqueezeSAM: a UNet with a transformer at its bottom scale (arXiv 2312.06736).

Early fusion concatenates the prompt maps after the stem; late fusion joins the prompt tokens to the
image tokens at 1/32.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.config import SqueezeSamConfig
from squeezesam.network.unet import UNet
from squeezesam.spec import INPUT_SIZE, NUM_MASKS, MapChannel

BOTTOM_STRIDE = SqueezeSamConfig.bottom_stride


class SqueezeSam(UNet):
    """The network of the `base` and `nano` variants; its weights fit any square input size.

    Args:
        config: widths and depths.
        size: side of the square input in pixels, a multiple of 32.
    """

    config: SqueezeSamConfig

    def __init__(self, config: SqueezeSamConfig, size: int = INPUT_SIZE) -> None:
        super().__init__(config, len(MapChannel), config.bottom_stride)
        self.mask_head = nn.Conv2d(config.decoder[-1], NUM_MASKS, 1)
        self.iou_hidden = nn.Conv2d(config.decoder[-2], 64, 1)
        self.iou_head = nn.Conv2d(64, NUM_MASKS, 1)
        self.set_size(size)
        self.reset_parameters()
        nn.init.normal_(self.mask_head.weight, std=0.01)

    def forward(
        self, image: Tensor, prompt_maps: Tensor, prompt_tokens: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Masks for one set of prompts; `squeezesam.spec` defines every tensor.

        Args:
            image: [B, 3, S, S].
            prompt_maps: [B, 4, S/2, S/2].
            prompt_tokens: [B, 16, 28].

        Returns:
            low_res_masks [B, 4, S/2, S/2] as logits and iou_predictions [B, 4] in 0..1.
        """
        x = torch.cat([self.stem(image), prompt_maps], dim=1)
        quarter, half = self.features(x, prompt_tokens)
        pooled = quarter.mean(dim=(2, 3), keepdim=True)
        iou = torch.sigmoid(self.iou_head(F.relu(self.iou_hidden(pooled)))).flatten(1)
        return self.mask_head(half), iou
