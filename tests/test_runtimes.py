"""Loading a network from any file."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from squeezesam.errors import ArtifactError, WeightsError
from squeezesam.inference.load import (
    LoadedNetwork,
    detector_beside,
    load,
)
from squeezesam.networks.building import folded
from squeezesam.networks.configs import VARIANTS, SqueezeSamConfig
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.weights import save_weights
from squeezesam.spec import DETECTOR, SEGMENTER, NetworkKind, input_specs, output_specs

SIZE = 64


NAMES = {"a_detector.onnx": DETECTOR}


def load_fake(path: Path) -> LoadedNetwork:
    return LoadedNetwork(NAMES.get(path.name, SEGMENTER), SIZE, lambda _: [path.name])


def load_fake_directory(path: Path, kind: NetworkKind) -> LoadedNetwork:
    return LoadedNetwork(kind, SIZE, lambda _: [path.name, kind.name])


@pytest.fixture
def _fake_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint(name, f"{__name__}:{load}", "squeezesam.runtimes")
        for name, load in (
            ("onnx", "load_fake"),
            ("mlpackage", "load_fake"),
            ("directory", "load_fake_directory"),
        )
    ]

    def registered(*, group: str) -> list[EntryPoint]:
        return [entry for entry in entries if entry.group == group]

    monkeypatch.setattr("squeezesam.inference.load.entry_points", registered)


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
        outputs = load(path, SIZE)(*inputs())
        expected = folded(model)(*inputs())
    for output, wanted, spec in zip(outputs, expected, output_specs(SIZE), strict=True):
        assert output.shape == spec.shape
        assert torch.equal(output, wanted)


@pytest.mark.usefixtures("_fake_runtimes")
def test_artifacts_go_to_the_runtime_of_their_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").touch()
    (tmp_path / "a.mlpackage").mkdir()
    (tmp_path / "manifest.json").touch()
    (tmp_path / "a_detector.onnx").touch()
    assert load(tmp_path / "a.onnx")() == "a.onnx"
    assert load(tmp_path / "a.mlpackage")() == "a.mlpackage"
    assert load(tmp_path)() == (tmp_path.name, "segmenter")
    assert load(tmp_path / "a_detector.onnx", kind=DETECTOR)() == "a_detector.onnx"
    assert load(tmp_path, kind=DETECTOR)() == (tmp_path.name, "detector")


@pytest.mark.usefixtures("_fake_runtimes")
def test_the_other_kind_of_network_is_refused(
    tmp_path: Path, nano: tuple[SqueezeSam, Path]
) -> None:
    for name in ("a.onnx", "a_detector.onnx"):
        (tmp_path / name).touch()
    with pytest.raises(ArtifactError, match="is a salient-object detector, not a promptable"):
        load(tmp_path / "a_detector.onnx", kind=SEGMENTER)
    with pytest.raises(ArtifactError, match="is a promptable network, not a salient-object"):
        load(tmp_path / "a.onnx", kind=DETECTOR)
    with pytest.raises(WeightsError, match="give weights of a salient-object detector"):
        load(nano[1], SIZE, kind=DETECTOR)


def test_the_detector_of_an_export_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").touch()
    assert detector_beside(tmp_path) == tmp_path


@pytest.mark.usefixtures("_fake_runtimes")
def test_what_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no artifact"):
        load(tmp_path / "missing.onnx")
    with pytest.raises(ArtifactError, match=r"give a \.safetensors, \.onnx, \.mlpackage file"):
        load(tmp_path)
    (tmp_path / "a.directory").touch()
    with pytest.raises(ArtifactError, match="is no network"):
        load(tmp_path / "a.directory")
    (tmp_path / "a.onnx").touch()
    with pytest.raises(ArtifactError, match="fixed input size"):
        load(tmp_path / "a.onnx", SIZE)
