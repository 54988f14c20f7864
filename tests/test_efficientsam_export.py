"""EfficientSAM through the same exporters, checks and measures as every network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bundles import golden_in, network_in
from sharing import Shared
from small_networks import DETECTOR_SIZE, SIZE, TINY, run

from squeezesam.inference.load import load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.networks.configs import EfficientSamConfig
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.networks.weights import save_weights
from squeezesam.spec import EFFICIENTSAM, IMAGE, POINT_KINDS, SEGMENTER
from squeezesam_export.bundle.manifest import read_manifest
from squeezesam_export.mlprogram.features import Picture
from squeezesam_export.mlprogram.interpreter import InterpretedModel

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_efficientsam")]


@pytest.fixture(scope="module")
def weights(
    tiny_efficientsam: EfficientSamConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / f"{TINY}.safetensors"
    save_weights(EfficientSam(tiny_efficientsam, SIZE), path, TINY, torch.float32)
    return path


@pytest.fixture(scope="module")
def bundle(weights: Path, shared: Shared) -> Path:
    """In fp32 for ONNX Runtime and ExecuTorch."""
    words = ("--no-detector", "--weights", weights, "--size", SIZE)
    return shared.export(*words, "--target", "onnx,executorch", "--precision", "fp32")


@pytest.fixture(scope="module")
def packages(weights: Path, shared: Shared) -> Path:
    """In fp16 for Core ML."""
    words = ("--no-detector", "--weights", weights, "--size", SIZE)
    return shared.export(*words, "--target", "coreml", "--precision", "fp16")


def test_the_weights_say_which_network_is_exported(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    (network,) = manifest.networks
    assert (network.kind, network.variant, network.input_size) == ("efficientsam", TINY, SIZE)
    assert "stretch" in network.graphs[0].inputs[0].meaning
    assert "no padding" in network.preprocessing.placement
    assert f"--size {SIZE}" in manifest.command


def test_artifacts_answer_as_pytorch_does(bundle: Path) -> None:
    for artifact in network_in(bundle, EFFICIENTSAM).artifacts:
        assert [graph.file.split("_")[2] for graph in artifact.graphs] == ["encoder", "decoder"]
        assert artifact.parity.min_mask_iou >= 0.999


def test_no_operator_is_outside_of_the_delegate(bundle: Path) -> None:
    artifacts = network_in(bundle, EFFICIENTSAM).artifacts
    (pte,) = (one for one in artifacts if one.target == "executorch")
    assert pte.ops_outside_delegate == ()


def test_verify_passes(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", bundle) == 0
    rows = [x for x in capsys.readouterr().out.splitlines() if x.startswith("efficientsam")]
    assert rows
    assert all(row.endswith(" ok") for row in rows)


def test_verify_asks_it_for_what_the_detector_finds_as_its_predictor_does(
    weights: Path, detector_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundle"
    words = ("--target", "onnx", "--precision", "fp32", "--weights", weights, "--size", SIZE)
    detector = ("--detector", detector_weights, "--detector-size", DETECTOR_SIZE)
    assert run("export", *words, *detector, "--out", out) == 0
    assert any(golden.prompted_by for golden in network_in(out, EFFICIENTSAM).golden)
    assert run("verify", out) == 0, capsys.readouterr().err


def test_golden_cases_ask_what_the_network_can_be_asked(bundle: Path) -> None:
    cases = golden_in(bundle, EFFICIENTSAM)
    kinds = [case.tensors[POINT_KINDS][0].argmax(dim=1).tolist() for case in cases[:4]]
    assert kinds == [[1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [2, 3, 0, 0, 0, 0], [1, 2, 3, 0, 0, 0]]


def test_a_package_takes_the_photo_as_a_picture(packages: Path) -> None:
    (package,) = packages.glob("*encoder*.mlpackage")
    (image,) = InterpretedModel(package).inputs
    assert isinstance(image, Picture)
    assert image.name == IMAGE


def test_the_placement_of_its_operators_is_told(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in packages.glob("*.mlpackage"):
        assert run("coreml-placement", package) in (0, 1)
        assert "conv" in capsys.readouterr().out


def test_it_is_evaluated_and_segments(
    bundle: Path, weights: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in (weights, bundle):
        words = ("eval", "--model", model, "--data", scenes, "--limit", 2, "--clicks", 3)
        size = ("--size", SIZE) if model == weights else ()
        assert run(*words, *size) == 0
        assert "shapes" in capsys.readouterr().out
    (photo, *_) = sorted((scenes / "shapes").rglob("*.jpg"))
    out = tmp_path / "cut.png"
    assert run("segment", photo, "--model", bundle, "--point", "9,9", "--out", out) == 0
    assert out.is_file()


def test_a_bundle_answers_as_its_weights(bundle: Path, weights: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    answers = []
    for network in (load(bundle, kind=SEGMENTER), load(weights, SIZE)):
        predictor = SamPredictor(network)  # type: ignore[arg-type]
        predictor.set_image(photo)
        answers.append(predictor.predict([[9, 9]], [1])[2])
    assert np.abs(answers[0] - answers[1]).max() < 1e-3
