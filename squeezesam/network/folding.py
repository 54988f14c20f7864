"""Inference copies of a network."""

import copy

from torch import nn

from squeezesam.network.blocks import Attention, ConvBn, LinearBn


def folded(model: nn.Module) -> nn.Module:
    """A copy in eval mode, on the CPU; layers have absorbed the BatchNorm or scale after them."""
    model = copy.deepcopy(model).cpu().eval()
    for module in model.modules():
        if isinstance(module, Attention | ConvBn | LinearBn):
            module.fold()
    return model
