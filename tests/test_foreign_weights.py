"""Weights that are not ours, or not whole: one line names the cause, and nothing of them is run."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from test_efficientsam import Harmful
from torch import Tensor

from squeezesam.errors import WeightsError
from squeezesam.inference.load import load
from squeezesam.networks.configs import EfficientSamConfig
from squeezesam.networks.conversion import read_published
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.networks.weights import load_weights, save_encoder, start_from_encoder

NAME = "mask_head.weight"


def renamed(tensors: dict[str, Tensor]) -> None:
    """One tensor under another name."""
    tensors["mask_head.weights"] = tensors.pop(NAME)


def all_renamed(tensors: dict[str, Tensor]) -> None:
    """As torch's DataParallel names them."""
    for name in [*tensors]:
        tensors[f"module.{name}"] = tensors.pop(name)


def not_finite(tensors: dict[str, Tensor]) -> None:
    """One number is none."""
    tensors[NAME].view(-1)[3] = float("nan")


def misshapen(tensors: dict[str, Tensor]) -> None:
    """A tensor of another network."""
    tensors[NAME] = torch.zeros(1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (renamed, "lacks 'mask_head.weight'; has the unknown 'mask_head.weights'; use matching"),
        (all_renamed, r"lacks .* more; has the unknown 'module\..* more; use matching"),
        (not_finite, "holds NaN or infinity in 'mask_head.weight'"),
        (misshapen, "has other shapes of 'mask_head.weight'"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    change: Callable[[dict[str, Tensor]], None], words: str, weights: Path, tmp_path: Path
) -> None:
    tensors = load_file(weights)
    with safe_open(weights, framework="pt") as file:
        metadata = file.metadata()
    change(tensors)
    path = tmp_path / "changed.safetensors"
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match=words) as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", ["one is missing", "one too many"])
def test_a_pretrained_encoder_must_be_whole(change: str, tmp_path: Path) -> None:
    network = EfficientSam(EfficientSamConfig(32, heads=2, depth=1, decoder_mlp=64), 64)
    path = tmp_path / "encoder.safetensors"
    save_encoder(network, path, "efficientsam_ti", torch.float32, {})
    assert start_from_encoder(network, path, "efficientsam_ti")
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    if change == "one is missing":
        del tensors["encoder.patches.bias"]
    else:
        tensors["decoder.frequencies"] = network.state_dict()["decoder.frequencies"]
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match="holds an encoder of another 'efficientsam_ti'"):
        start_from_encoder(network, path, "efficientsam_ti")


@pytest.mark.parametrize("name", ["x.pt", "x.pth", "x.ckpt", "x.safetensors"])
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_checkpoint_is_told_and_not_run(name: str, is_zip: bool, tmp_path: Path) -> None:
    path, touched = tmp_path / name, tmp_path / "touched"
    content = {"model": {NAME: torch.zeros(2)}, "extra": Harmful(touched)}
    if is_zip:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content["extra"]))
    openers: list[Callable[[Path], object]] = [load, lambda path: load(path, 64)]
    for opener in [*openers, load_weights] if path.suffix == ".safetensors" else openers:
        with pytest.raises(WeightsError, match=r"checkpoint of PyTorch.*squeezesam convert") as one:
            opener(path)
        assert "\n" not in str(one.value)
    assert not touched.exists()


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_program_is_told_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "program.pt"
    torch.jit.save(torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)), path)
    with pytest.raises(WeightsError, match="program of TorchScript, which was not run"):
        read_published(path)
