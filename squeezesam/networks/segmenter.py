"""SqueezeSAM: a UNet with a transformer at its bottom scale (arXiv 2312.06736).

Early fusion concatenates the prompt maps after the stem; late fusion joins the prompt tokens to the
image tokens at 1/32. Four more tokens, one for each mask, come back from the transformer knowing
which object is meant, and become the filters that tell it from the rest (segment-anything,
arXiv 2304.02643, section A).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import SqueezeSamConfig
from squeezesam.networks.layers import token_layer
from squeezesam.networks.unet import UNet
from squeezesam.spec import INPUT_SIZE, NUM_MASKS, TOKEN_FEATURES, MapChannel

BOTTOM_STRIDE = SqueezeSamConfig.bottom_stride
EIGHTH = 1
"""Place of the features at 1/8 among those of the decoder."""


class MaskQuality(nn.Module):
    """The IoU that each mask may expect: from its token, what lies under it, and its own doubt.

    Args:
        token: channels of a mask's token.
        seen: channels of the features under it.
        hidden: width of the layer between.
    """

    SMALLEST_AREA = 1e-4

    def __init__(self, token: int, seen: int, hidden: int = 64) -> None:
        super().__init__()
        self.of_token = nn.Conv2d(token, hidden, 1)
        self.of_pixels = nn.Conv2d(seen + 1, hidden, 1)
        self.head = nn.Conv2d(hidden, 1, 1)

    def forward(self, tokens: Tensor, coarse: Tensor, masks: Tensor) -> Tensor:
        """Quality of each mask; what it is judged by does not learn from the judgement.

        Args:
            tokens: [B, C, 1, M].
            coarse: features [B, E, S/8, S/8].
            masks: logits [B, M, S/2, S/2].

        Returns:
            [B, M] in 0..1.
        """
        batch, count = masks.shape[:2]
        if self.training:
            masks, coarse = masks.detach(), coarse.detach()
        inside = torch.sigmoid(masks)
        doubt = (inside * torch.sigmoid(-masks)).mean(dim=(2, 3), keepdim=True)  # [B, M, 1, 1]
        area = inside.mean(dim=(2, 3), keepdim=True).clamp(min=self.SMALLEST_AREA)
        cells = F.avg_pool2d(inside, masks.shape[2] // coarse.shape[2])  # [B, M, S/8, S/8]
        under = [
            (coarse * cells[:, mask : mask + 1]).mean(dim=(2, 3), keepdim=True)
            for mask in range(count)
        ]
        doubt, area = (x.reshape(batch, 1, 1, count) for x in (doubt, area))
        seen = torch.cat([torch.cat(under, dim=3), doubt], dim=1) / area  # [B, E + 1, 1, M]
        return torch.sigmoid(
            self.head(F.relu(self.of_token(tokens) + self.of_pixels(seen)))
        ).flatten(1)


class SqueezeSam(UNet):
    """The network of the `base` and `nano` variants; its weights fit any square input size.

    Args:
        config: widths and depths.
        size: side of the square input in pixels, a multiple of 32.
    """

    config: SqueezeSamConfig

    def __init__(self, config: SqueezeSamConfig, size: int = INPUT_SIZE) -> None:
        super().__init__(config, len(MapChannel), config.bottom_stride)
        bottom, fine = config.encoder[-1], config.decoder[-1]
        subpixels = self.zoom**2
        self.mask_tokens = nn.Parameter(torch.randn(1, bottom, 1, NUM_MASKS))
        self.mask_head = nn.Conv2d(fine, NUM_MASKS * subpixels, 1)
        self.filter_hidden = token_layer(bottom, bottom, relu=True)
        self.filter_head = nn.Conv2d(bottom, subpixels * fine, 1)
        self.quality = MaskQuality(bottom, config.decoder[EIGHTH])
        self.set_size(size)
        self.reset_parameters()
        nn.init.normal_(self.mask_head.weight, std=0.01)
        nn.init.normal_(self.filter_head.weight, std=0.01)
        # One output out of many would start at large logits, whose sigmoid learns nothing.
        nn.init.normal_(self.quality.head.weight, std=0.01)

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
        features, tokens = self.features(x, self.asking(prompt_tokens))
        tokens = tokens[..., -NUM_MASKS:]  # [B, C, 1, M]
        masks = self.masks(tokens, features[-1])
        return masks, self.quality(tokens, features[EIGHTH], masks)

    def asking(self, prompt_tokens: Tensor) -> Tensor:
        """Prompts [B, T, 28] and the masks' own tokens as [B, C, 1, T + M]."""
        batch = len(prompt_tokens)
        prompts = prompt_tokens.transpose(1, 2).reshape(batch, TOKEN_FEATURES, 1, -1)
        prompts = self.embed_position(prompts)
        own: Tensor = self.mask_tokens
        if batch > 1:  # in an exported graph, expanding one to one would be a copy
            own = own.expand(batch, -1, -1, -1)
        if own.dtype != prompts.dtype:
            own = own.to(prompts.dtype)
        return torch.cat([prompts, own], dim=3)

    def masks(self, tokens: Tensor, fine: Tensor) -> Tensor:
        """Logits [B, M, S/2, S/2] from the tokens [B, C, 1, M] and features [B, F, H, W].

        A mask has Z x Z pixels in each cell of the features, and two filters for each of them: one
        that is the same for every photo, and one that its token makes for this object.
        """
        batch, width, rows, columns = fine.shape
        count = self.zoom**2
        filters = self.filter_head(self.filter_hidden(tokens))  # [B, Z * Z * F, 1, M]
        filters = filters.reshape(batch, count, width, NUM_MASKS).permute(0, 3, 1, 2)
        own = torch.bmm(filters.reshape(batch, NUM_MASKS * count, width), fine.flatten(2))
        logits = self.mask_head(fine) + own.reshape(batch, -1, rows, columns)
        return self.to_pixels(logits)
