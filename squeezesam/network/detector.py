"""The salient-object detector: the same UNet without prompts, on the image at half its size.

It takes the very tensor that SqueezeSAM takes, so that an app prepares a photo once.
"""

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.config import DetectorConfig
from squeezesam.errors import ConfigError
from squeezesam.network.model import SqueezeSam
from squeezesam.network.unet import UNet
from squeezesam.spec import DETECTOR, INPUT_SIZE

SHRINK = 2
"""By how much the image is averaged down before the stem."""


class SaliencyDetector(UNet):
    """A heat map of the most prominent object.

    Args:
        config: widths and depths.
        size: side of the square input in pixels, a multiple of 64.
    """

    config: DetectorConfig
    interface = DETECTOR

    def __init__(self, config: DetectorConfig, size: int = INPUT_SIZE) -> None:
        super().__init__(config, 0, config.bottom_stride)
        self.heat_head = nn.Conv2d(config.decoder[-1], 1, 1)
        self.set_size(size)
        self.reset_parameters()
        nn.init.normal_(self.heat_head.weight, std=0.01)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the heat map: image [B, 3, S, S] -> saliency_logits [B, 1, S/4, S/4]."""
        _, half = self.features(self.stem(F.avg_pool2d(image, SHRINK)), None)
        return self.heat_head(half)

    @torch.no_grad()
    def start_from(self, network: SqueezeSam) -> None:
        """Take over the weights of a SqueezeSAM, to answer nearly as it does to no prompt at all.

        Its whole-object mask becomes the heat map; the weights of the absent prompt maps go. Its
        transformer also sees sixteen empty prompt slots, which have no part here.

        Raises:
            ConfigError: it has other widths or depths.
        """
        if dataclasses.asdict(network.config) != dataclasses.asdict(self.config):
            raise ConfigError(
                f"a detector of {self.config} cannot start from {network.config}; give weights of "
                "the same widths"
            )
        given = network.state_dict()
        given["heat_head.weight"] = given["mask_head.weight"][:1]
        given["heat_head.bias"] = given["mask_head.bias"][:1]
        for name, own in self.state_dict().items():
            # Where there were prompt maps, they are the last input channels.
            own.copy_(given[name][:, : own.shape[1]] if own.ndim > 1 else given[name])
