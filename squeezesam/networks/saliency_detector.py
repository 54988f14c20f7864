"""The salient-object detector: the same UNet without prompts, on the image at half its size.

Its input is prepared as SqueezeSAM's is, at a size of its own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.errors import ConfigError
from squeezesam.networks.configs import DetectorConfig
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.unet import UNet
from squeezesam.spec import DETECTOR, DETECTOR_SIZE

SHRINK = 2
"""By how much the image is averaged down before the stem."""


class SaliencyDetector(UNet):
    """A heat map of the most prominent object.

    Args:
        config: widths and depths.
        size: side of the square input in pixels, a multiple of 64.
    """

    config: DetectorConfig
    kind = DETECTOR

    def __init__(self, config: DetectorConfig, size: int = DETECTOR_SIZE) -> None:
        super().__init__(config, 0, config.bottom_stride)
        self.heat_head = nn.Conv2d(config.decoder[-1], self.zoom**2, 1)
        self.set_size(size)
        self.reset_parameters()
        nn.init.normal_(self.heat_head.weight, std=0.01)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the heat map: image [B, 3, S, S] -> saliency_logits [B, 1, S/4, S/4]."""
        features, _ = self.features(self.stem(F.avg_pool2d(image, SHRINK)), None)
        return self.to_pixels(self.heat_head(features[-1]))

    @torch.no_grad()
    def start_from(self, network: SqueezeSam) -> None:
        """Take over the weights of a SqueezeSAM, to answer nearly as it does to no prompt at all.

        Its whole-object mask becomes the heat map where both decoders end at one scale; what has no
        counterpart keeps its random weights. The weights of the absent prompt maps are left out.

        Raises:
            ConfigError: the two encoders or transformers have other widths or depths.
        """
        own, given = self.config, network.config
        if (own.encoder, own.blocks, own.transformer_depth) != (
            given.encoder,
            given.blocks,
            given.transformer_depth,
        ):
            raise ConfigError(
                f"a detector of {own} cannot start from {given}; give weights of the same encoder "
                "and transformer"
            )
        tensors = network.state_dict()
        for part in ("weight", "bias"):
            tensors[f"heat_head.{part}"] = tensors[f"mask_head.{part}"][: network.zoom**2]
        for name, own_tensor in self.state_dict().items():
            source = tensors.get(name)
            if source is not None and source.ndim > 1:
                source = source[:, : own_tensor.shape[1]]  # prompt maps are the last input channels
            if source is not None and source.shape == own_tensor.shape:
                own_tensor.copy_(source)
