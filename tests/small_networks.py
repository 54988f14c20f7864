"""Small networks with random weights, whose exports take seconds."""

import torch

from squeezesam import cli
from squeezesam.inference.saliency_predictor import HEAT_LEVELS
from squeezesam.inference.saliency_prompt import DEFAULT_SAMPLING
from squeezesam.networks.configs import (
    DETECTORS,
    VARIANTS,
    EfficientSamConfig,
    SqueezeSamConfig,
)
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.spec import input_specs

SIZE = 64
DETECTOR_SIZE = 128

TINY = "efficientsam_tiny"
"""An EfficientSAM that is exported in seconds; a variant in tests with `tiny_efficientsam`."""

TINY_CONFIG = EfficientSamConfig(32, heads=2, depth=1, decoder_mlp=64)


def random_network(seed: int) -> SqueezeSam:
    """Random weights whose masks are neither empty nor full, so that comparing them means much."""
    torch.manual_seed(seed)
    config = VARIANTS["nano"]
    assert isinstance(config, SqueezeSamConfig)
    model = SqueezeSam(config, SIZE).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bn.weight"):
            torch.nn.init.uniform_(parameter, 0.5, 1.0)
    torch.nn.init.normal_(model.mask_head.weight)
    with torch.no_grad():
        photo_like = [torch.rand(spec.shape) - 0.5 for spec in input_specs(SIZE)]
        middle = model(*photo_like)[0].mean(dim=(0, 2, 3))
        model.mask_head.bias -= middle.repeat_interleave(model.zoom**2)
    return model


def random_detector(seed: int, size: int = DETECTOR_SIZE) -> SaliencyDetector:
    """Random weights that find something in every shipped photo."""
    torch.manual_seed(seed)
    model = SaliencyDetector(DETECTORS["saliency"], size).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bn.weight"):
            torch.nn.init.uniform_(parameter, 0.5, 1.0)
    torch.nn.init.normal_(model.heat_head.weight)
    with torch.no_grad():
        middle = torch.logit(torch.tensor(DEFAULT_SAMPLING.threshold / HEAT_LEVELS))
        model.heat_head.bias += middle - model(torch.rand(1, 3, size, size) - 0.5).mean()
    return model


def run(*words: object) -> int:
    """The status of a command line."""
    return cli.main([str(word) for word in words])
