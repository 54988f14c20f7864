"""Inference copies of a network."""

import copy

from torch import nn

from squeezesam.network.blocks import ConvBn, LinearBn


def folded(model: nn.Module) -> nn.Module:
    """A copy in eval mode, on the CPU, with every BatchNorm absorbed by the layer before it."""
    model = copy.deepcopy(model).cpu().eval()
    for module in model.modules():
        if isinstance(module, ConvBn | LinearBn):
            module.fold()
    return model
