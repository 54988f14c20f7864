"""From a configuration to its network, and from there to the copy that is exported."""

import copy
from typing import Protocol, TypeVar, cast, runtime_checkable

import torch
from torch import nn

from squeezesam.networks.configs import DetectorConfig, ReferenceConfig, SqueezeSamConfig
from squeezesam.networks.layers import Attention, ConvBn
from squeezesam.networks.reference import PUBLISHED_SIZE, ReferenceSam
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.spec import DETECTOR, SEGMENTER

Model = TypeVar("Model", bound=nn.Module)


@runtime_checkable
class Foldable(Protocol):
    """A module that can do once, before inference, what it would do in every run."""

    def fold(self) -> None:
        """Do it, for good."""


def folded(model: Model) -> Model:
    """A copy in eval mode, on the CPU; layers have absorbed the BatchNorm or scale after them.

    `set_size` on the copy has its grid embedded anew in every run, as training needs.
    """
    model = copy.deepcopy(model).cpu().eval()
    for module in model.modules():
        if isinstance(module, Foldable):
            module.fold()
    return model


@torch.no_grad()
def unfolded(model: SqueezeSam) -> SqueezeSam:
    """A network as it is trained that answers like a folded one.

    Its BatchNorms change nothing but for the bias, so that the weights can be kept, loaded and
    trained like any others.
    """
    plain = SqueezeSam(model.config, model.size).eval()
    tensors = {**plain.state_dict(), **dict(model.named_parameters())}
    for name, module in plain.named_modules():
        if isinstance(module, Attention):
            for part in ("weight", "bias"):
                tensors[f"{name}.query.conv.{part}"] = (
                    tensors[f"{name}.query.conv.{part}"] * module.head_width**0.5
                )
        elif isinstance(module, ConvBn):
            norm = cast(nn.BatchNorm2d, module.bn)
            tensors[f"{name}.bn.weight"] = torch.ones(norm.num_features)
            tensors[f"{name}.bn.bias"] = tensors.pop(f"{name}.conv.bias")
            tensors[f"{name}.bn.running_mean"] = torch.zeros(norm.num_features)
            tensors[f"{name}.bn.running_var"] = torch.full((norm.num_features,), 1 - norm.eps)
    plain.load_state_dict(tensors)
    return plain


def build_network(
    config: SqueezeSamConfig | ReferenceConfig | DetectorConfig, size: int | None = None
) -> SqueezeSam | ReferenceSam | SaliencyDetector:
    """A network with random weights.

    Args:
        config: widths and depths.
        size: side of the square input in pixels; by default that of the kind of network.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    if isinstance(config, ReferenceConfig):
        return ReferenceSam(config, PUBLISHED_SIZE if size is None else size)
    return build_trained(config, size)


def build_trained(
    config: SqueezeSamConfig | DetectorConfig, size: int | None = None
) -> SqueezeSam | SaliencyDetector:
    """Build a network of a variant with random weights.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    if isinstance(config, DetectorConfig):
        return SaliencyDetector(config, DETECTOR.size if size is None else size)
    return SqueezeSam(config, SEGMENTER.size if size is None else size)
