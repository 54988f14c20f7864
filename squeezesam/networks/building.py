"""From a configuration to its network, and from there to the copy that is exported."""

import copy
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import torch
from torch import nn

from squeezesam.networks.configs import (
    DetectorConfig,
    EarlySamConfig,
    EfficientSamConfig,
    NetworkConfig,
    ReferenceConfig,
    SamConfig,
    SqueezeSamConfig,
)
from squeezesam.networks.early import EarlySam
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.networks.layers import Attention, ConvBn
from squeezesam.networks.reference import ReferenceSam
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.sam import Sam
from squeezesam.networks.segmenter import SqueezeSam

Model = TypeVar("Model", bound=nn.Module)


@runtime_checkable
class Foldable(Protocol):
    """A module that can do once, before inference, what it would do in every run."""

    def fold(self) -> None:
        """Do it, for good."""


@runtime_checkable
class WrittenOut(Protocol):
    """A module that can do without the fused operators that leave a delegate."""

    def write_out(self) -> None:
        """Do without them, for good."""


def written_out(model: Model) -> Model:
    """A copy of a folded network in operators that the XNNPACK delegate takes, where it knows any.

    It answers one photo and one set of prompts at a time.
    """
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, WrittenOut):
            module.write_out()
    return model


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


TrainedNetwork = SqueezeSam | SaliencyDetector | EfficientSam | EarlySam | Sam
"""The networks of which weights are kept."""

BUILDERS: dict[type[NetworkConfig], Callable[..., Any]] = {
    SqueezeSamConfig: SqueezeSam,
    DetectorConfig: SaliencyDetector,
    EfficientSamConfig: EfficientSam,
    EarlySamConfig: EarlySam,
    SamConfig: Sam,
    ReferenceConfig: ReferenceSam,
}
"""Networks by the type of their configurations; each takes one, and perhaps a size."""


def build_network(config: NetworkConfig, size: int | None = None) -> TrainedNetwork | ReferenceSam:
    """A network with random weights.

    Args:
        config: widths and depths.
        size: side of the square input in pixels; by default that of the kind of network.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    sizes = () if size is None else (size,)
    return cast(TrainedNetwork | ReferenceSam, BUILDERS[type(config)](config, *sizes))


def build_trained(
    config: SqueezeSamConfig | DetectorConfig | EfficientSamConfig | EarlySamConfig | SamConfig,
    size: int | None = None,
) -> TrainedNetwork:
    """Build a network of a variant with random weights.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    return cast(TrainedNetwork, build_network(config, size))
