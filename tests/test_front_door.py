"""What a newcomer meets first: `from squeezesam import ...`, `load`, and `squeezesam --version`."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from small_networks import SIZE, random_detector, random_network, run

import squeezesam
from squeezesam import SaliencyPredictor, SamPredictor, load
from squeezesam.errors import ArtifactError, ConfigError, WeightsError
from squeezesam.examples import EXAMPLES
from squeezesam.spec import DETECTOR, SEGMENTER
from squeezesam.weights import shipped_weights


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, squeezesam; assert not {'torch', 'numpy', 'PIL'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_that_is_named_is_there() -> None:
    assert set(squeezesam.__all__) <= set(dir(squeezesam))
    assert all(hasattr(squeezesam, name) for name in squeezesam.__all__)
    with pytest.raises(AttributeError, match="no attribute 'SamPredicter'"):
        squeezesam.SamPredicter  # noqa: B018


def test_three_lines_give_a_mask() -> None:
    predictor = SamPredictor(load("base"))
    predictor.set_image(EXAMPLES[0].path)
    masks, _, _ = predictor.predict([EXAMPLES[0].garment], [1], multimask_output=False)
    assert 0.02 < masks.mean() < 0.98


def test_no_click_at_all() -> None:
    predictor = SaliencyPredictor(load("base"), load("saliency"))
    predictor.set_image(EXAMPLES[0].path)
    masks, _, _ = predictor.predict(multimask_output=False)
    assert 0.02 < masks.mean() < 0.98


@pytest.mark.parametrize("name", ["base", "saliency"])
def test_a_name_is_that_of_shipped_weights(name: str) -> None:
    network = load(name)
    kind = SEGMENTER if name == "base" else DETECTOR
    assert network.kind is kind
    assert network.size == kind.size
    assert load(shipped_weights(name), 2 * kind.size).size == 2 * kind.size


def test_every_file_says_its_kind_and_size(
    exported: Path, weights: Path, detector_weights: Path
) -> None:
    for path in (exported, str(exported), *exported.glob("*.onnx"), *exported.glob("*.mlpackage")):
        network = load(path)
        assert (network.kind, network.size) == (SEGMENTER, SIZE)
    assert load(weights, SIZE).kind is SEGMENTER
    assert load(str(detector_weights)).kind is DETECTOR
    with pytest.raises(WeightsError, match="holds the salient-object detector"):
        load(detector_weights, kind=SEGMENTER)
    with pytest.raises(ArtifactError, match="is a promptable network, not a salient-object"):
        load(next(exported.glob("*.onnx")), kind=DETECTOR)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("bass", ArtifactError, "no artifact bass"),
        ("nano", WeightsError, "no weights of 'nano' are shipped"),
        ("x.onnx", ArtifactError, "no artifact x.onnx"),
        ("x.safetensors", WeightsError, "no weights file x.safetensors"),
    ],
)
def test_what_is_not_there(
    source: str,
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        load(source)


def test_networks_in_each_others_place() -> None:
    with pytest.raises(ConfigError, match="the model is a salient-object detector"):
        SaliencyPredictor(random_detector(0), random_network(0))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run("--version")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"squeezesam {version('squeezesam')}\n"
    assert squeezesam.__version__ == version("squeezesam")


def test_an_unknown_command_names_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("segmnt")
    error = capsys.readouterr().err
    assert "segment" in error
    assert "bench" in error
