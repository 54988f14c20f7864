"""segment-anything's way to a model."""

from pathlib import Path

import pytest
import torch

from squeezesam.errors import WeightsError
from squeezesam.inference.load import sam_model_registry
from squeezesam.networks.building import folded
from squeezesam.networks.configs import DEFAULT_VARIANT, VARIANTS, SqueezeSamConfig
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.weights import save_weights
from squeezesam.spec import input_specs

SIZE = 64


def test_every_variant_is_registered() -> None:
    assert set(sam_model_registry) == {"default", *VARIANTS}
    default = sam_model_registry["default"](size=SIZE)
    named = sam_model_registry[DEFAULT_VARIANT](size=SIZE)
    assert [p.shape for p in default.parameters()] == [p.shape for p in named.parameters()]


def test_weights_load_into_their_own_variant_only(tmp_path: Path) -> None:
    config = VARIANTS["nano"]
    assert isinstance(config, SqueezeSamConfig)
    model, path = SqueezeSam(config, SIZE).eval(), tmp_path / "nano.safetensors"
    save_weights(model, path, "nano", torch.float32)
    loaded = sam_model_registry["nano"](checkpoint=str(path), size=SIZE)
    assert not loaded.training
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in loaded.modules())
    inputs = [torch.randn(spec.shape) for spec in input_specs(SIZE)]
    with torch.inference_mode():
        for output, wanted in zip(loaded(*inputs), folded(model)(*inputs), strict=True):
            assert torch.equal(output, wanted)
    with pytest.raises(WeightsError, match="holds 'nano' weights, not 'base'"):
        sam_model_registry["base"](checkpoint=path)
