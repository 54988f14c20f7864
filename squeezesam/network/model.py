"""SqueezeSAM: a UNet with a transformer at its bottom scale (arXiv 2312.06736).

Early fusion concatenates the prompt maps after the stem; late fusion joins the prompt tokens to the
image tokens at 1/32. Everything is convolution, ReLU, add, concat, bilinear resize, softmax, bmm,
mean and sigmoid: operators that XNNPACK, Core ML and ONNX Runtime all delegate.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.config import SqueezeSamConfig, check_size
from squeezesam.network.blocks import (
    ConvBn,
    InvertedBlock,
    ResidualBlock,
    TransformerLayer,
    UpBlock,
)
from squeezesam.network.sized import SizedNetwork
from squeezesam.position import grid_features
from squeezesam.spec import INPUT_SIZE, NUM_MASKS, TOKEN_FEATURES, TOKEN_KINDS, MapChannel

BOTTOM_STRIDE = SqueezeSamConfig.bottom_stride
BLOCKS = {"residual": ResidualBlock, "inverted": InvertedBlock}


class SqueezeSam(SizedNetwork):
    """The network of the `base` and `nano` variants; its weights fit any square input size.

    Args:
        config: widths and depths.
        size: side of the square input in pixels, a multiple of 32.
    """

    grid: Tensor

    def __init__(self, config: SqueezeSamConfig, size: int = INPUT_SIZE) -> None:
        super().__init__()
        self.config = config
        maps = len(MapChannel)
        quarter, eighth, sixteenth, bottom = config.encoder
        self.stem = ConvBn(3, config.stem, stride=2)
        widths_in = (config.stem + maps, quarter, eighth, sixteenth)
        self.encoder = nn.ModuleList(
            nn.Sequential(
                ConvBn(width_in, width_out, stride=2),
                *(BLOCKS[config.block](width_out) for _ in range(blocks)),
            )
            for width_in, width_out, blocks in zip(
                widths_in, config.encoder, config.blocks, strict=True
            )
        )
        self.embed_position = nn.Conv2d(TOKEN_FEATURES, bottom, 1)
        self.transformer = nn.Sequential(
            *(
                TransformerLayer(bottom, config.heads, config.mlp_ratio)
                for _ in range(config.transformer_depth)
            )
        )
        skips = (sixteenth, eighth, quarter, config.stem + maps)
        self.decoder = nn.ModuleList(
            UpBlock(width_in, skip, width_out)
            for width_in, skip, width_out in zip(
                (bottom, *config.decoder[:-1]), skips, config.decoder, strict=True
            )
        )
        self.mask_head = nn.Conv2d(config.decoder[-1], NUM_MASKS, 1)
        self.iou_hidden = nn.Conv2d(config.decoder[-2], 64, 1)
        self.iou_head = nn.Conv2d(64, NUM_MASKS, 1)
        self.set_size(size)
        self.reset_parameters()

    def set_size(self, size: int) -> None:
        """Prepare for square inputs of `size` pixels; the weights do not change.

        Raises:
            ConfigError: `size` is not a multiple of 32.
        """
        check_size(size, BOTTOM_STRIDE)
        self.size = size
        side = size // BOTTOM_STRIDE
        # The four kind features of an image token are zero: the grid shares `embed_position` with
        # the prompt tokens, so a click and the image cell under it speak of the same place.
        grid = F.pad(grid_features(side), (0, TOKEN_KINDS)).T[None, :, None]  # [1, 28, 1, HW]
        device = self.embed_position.weight.device
        self.register_buffer("grid", grid.contiguous().to(device), persistent=False)
        self.grid_is_embedded = False

    def fold(self) -> None:
        """Embed the grid once and for all; for inference at one size only.

        Its layer then serves the prompts alone: XNNPACK's int8 convolution takes no bias that two
        input scales share.
        """
        if not self.grid_is_embedded:
            with torch.no_grad():
                self.grid = self.embed_position(self.grid)
            self.grid_is_embedded = True

    def reset_parameters(self) -> None:
        """Initialise so that every residual branch starts as an identity."""
        on_tokens = {*self.embed_position.modules(), *self.transformer.modules()}
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module not in on_tokens:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.conv2.start_silent()
            elif isinstance(module, InvertedBlock):
                module.project.start_silent()
            elif isinstance(module, TransformerLayer):
                module.attention.out.start_silent()
                module.mlp_out.start_silent()
        nn.init.normal_(self.mask_head.weight, std=0.01)

    def fuse_tokens(self, x: Tensor, prompt_tokens: Tensor) -> Tensor:
        """Late fusion: image cells and prompts attend to one another; the cells go on."""
        batch, channels, height, width = x.shape
        grid = self.grid if self.grid_is_embedded else self.embed_position(self.grid)
        cells = x.reshape(batch, channels, 1, height * width) + grid
        features = prompt_tokens.transpose(1, 2).reshape(batch, TOKEN_FEATURES, 1, -1)
        tokens = torch.cat([cells, self.embed_position(features)], dim=3)  # [B, C, 1, HW + 16]
        cells = self.transformer(tokens)[..., : height * width]
        return cells.reshape(x.shape)

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
        skips = [x]
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        x = self.fuse_tokens(skips.pop(), prompt_tokens)
        for stage in self.decoder[:-1]:
            x = stage(x, skips.pop())
        pooled = x.mean(dim=(2, 3), keepdim=True)
        iou = torch.sigmoid(self.iou_head(F.relu(self.iou_hidden(pooled)))).flatten(1)
        return self.mask_head(self.decoder[-1](x, skips.pop())), iou
