"""Quantization-aware training: the training loop on a network that rounds as a delegate will.

The BatchNorms are folded first, so that what is rounded in training is what is rounded in the
artifact. What comes out are weights like any others, for every exporter and every scheme.
"""

import dataclasses
from typing import Any, Self

import torch
from torch import Tensor, nn

from squeezesam.errors import ConfigError
from squeezesam.networks.building import folded, unfolded
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.unet import SizedNetwork
from squeezesam.spec import SEGMENTER
from squeezesam.training.config import Stage, recipe
from squeezesam_export.kinds.segmenter import calibrate_segmenter
from squeezesam_export.quantization import pt2e
from squeezesam_export.quantization.calibration import SHIPPED_PHOTOS, Inputs

RECIPE = dataclasses.replace(
    recipe("general"),
    stages=(Stage(320, 200, 8),),
    learning_rate=3e-5,
    warmup=10,
    ema=0.98,
    precision="fp32",
    checkpoint_every=25,
)
"""The training recipe, but short and gentle: the weights only have to settle on the grid."""


class RoundingNetwork(SizedNetwork):
    """A folded network with XNNPACK's fake quantization around its operators.

    Args:
        model: the network, at its starting weights.
        stage: the input size and batch that the graph is traced for.
    """

    def __init__(self, model: SqueezeSam, stage: Stage) -> None:
        super().__init__()
        self.stage, self.config = stage, model.config
        model.set_size(stage.size)
        plain = folded(model).requires_grad_()  # folding freezes the biases
        plain.set_size(stage.size)  # the grid goes through the layer that is trained
        batches = calibration_batches(plain, stage)
        self.graph = pt2e.rounding(plain, batches[0])
        with torch.no_grad():  # so that the first gradients see ranges that fit
            for batch in batches:
                self.graph(*batch)

    def set_size(self, size: int) -> None:
        """See that it is the size that the graph was traced for.

        Raises:
            ConfigError: it is another.
        """
        if size != self.stage.size:
            raise ConfigError(f"this network was traced for {self.stage.size} px, not {size}")

    def train(self, mode: bool = True) -> Self:
        """Note the mode; a traced graph has only one, and refuses to be told."""
        self.training = mode
        return self

    def forward(self, image: Tensor, prompt_maps: Tensor, prompt_tokens: Tensor) -> Any:
        """As SqueezeSam, for batches of the traced size."""
        return self.graph(image, prompt_maps, prompt_tokens)

    def weights(self) -> SqueezeSam:
        """The float weights, in a network that can be saved."""
        network = folded(SqueezeSam(self.config, self.stage.size))
        parameters = dict(self.graph.named_parameters())
        network.load_state_dict({**network.state_dict(), **parameters})
        return unfolded(network)


def calibration_batches(model: nn.Module, stage: Stage) -> list[Inputs]:
    """The shipped calibration inputs in batches of a stage; the last batch begins anew."""
    inputs = calibrate_segmenter(model, SHIPPED_PHOTOS, stage.size).inputs[SEGMENTER.name]
    batches = []
    for start in range(0, len(inputs), stage.batch):
        chosen = [inputs[place % len(inputs)] for place in range(start, start + stage.batch)]
        batches.append(tuple(torch.cat(parts) for parts in zip(*chosen, strict=True)))
    return batches
