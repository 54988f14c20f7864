"""Loading a network from any file."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from squeezesam import runtimes
from squeezesam.config import VARIANTS, SqueezeSamConfig
from squeezesam.errors import ArtifactError
from squeezesam.network.folding import folded
from squeezesam.network.model import SqueezeSam
from squeezesam.runtimes import load_network
from squeezesam.spec import input_specs, output_specs
from squeezesam.weights import save_weights

SIZE = 64


def load_fake(path: Path) -> str:
    return f"network of {path.name}"


@pytest.fixture
def _fake_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint(name, f"{__name__}:load_fake", "squeezesam.runtimes")
        for name in ("onnx", "mlpackage", "directory")
    ]

    def registered(*, group: str) -> list[EntryPoint]:
        return [entry for entry in entries if entry.group == group]

    monkeypatch.setattr(runtimes, "entry_points", registered)


@pytest.fixture
def nano(tmp_path: Path) -> tuple[SqueezeSam, Path]:
    torch.manual_seed(0)
    config = VARIANTS["nano"]
    assert isinstance(config, SqueezeSamConfig)
    model = SqueezeSam(config, SIZE).eval()
    path = tmp_path / "nano.safetensors"
    save_weights(model, path, "nano", torch.float32)
    return model, path


def inputs() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(spec.shape, generator=generator) for spec in input_specs(SIZE)]


def test_weights_load_as_the_folded_network(nano: tuple[SqueezeSam, Path]) -> None:
    model, path = nano
    with torch.inference_mode():
        outputs = load_network(path, SIZE)(*inputs())
        expected = folded(model)(*inputs())
    for output, wanted, spec in zip(outputs, expected, output_specs(SIZE), strict=True):
        assert output.shape == spec.shape
        assert torch.equal(output, wanted)


@pytest.mark.usefixtures("_fake_runtimes")
def test_artifacts_go_to_the_runtime_of_their_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").touch()
    (tmp_path / "a.mlpackage").mkdir()
    (tmp_path / "manifest.json").touch()
    assert load_network(tmp_path / "a.onnx") == "network of a.onnx"
    assert load_network(tmp_path / "a.mlpackage") == "network of a.mlpackage"
    assert load_network(tmp_path) == f"network of {tmp_path.name}"


@pytest.mark.usefixtures("_fake_runtimes")
def test_what_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no artifact"):
        load_network(tmp_path / "missing.onnx")
    with pytest.raises(ArtifactError, match=r"give a \.safetensors, \.onnx, \.mlpackage file"):
        load_network(tmp_path)
    (tmp_path / "a.directory").touch()
    with pytest.raises(ArtifactError, match="is no network"):
        load_network(tmp_path / "a.directory")
    (tmp_path / "a.onnx").touch()
    with pytest.raises(ArtifactError, match="fixed input size"):
        load_network(tmp_path / "a.onnx", SIZE)
