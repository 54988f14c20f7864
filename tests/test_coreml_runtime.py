"""Core ML artifacts off macOS: one code drives the interpreter and a Mac's runtime."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from bundles import golden_in, parity
from sharing import Shared
from small_networks import SIZE, run

from squeezesam.errors import ArtifactError
from squeezesam.inference.load import InterpretedNetwork, load
from squeezesam.spec import input_specs
from squeezesam_export.mlprogram.interpreter import InterpretedModel
from squeezesam_export.targets import coreml_target, executorch_target
from squeezesam_export.targets.quiet import quiet
from squeezesam_export.targets.table import TARGETS

with quiet():
    import coremltools as ct


@pytest.fixture(scope="module")
def for_apple(weights: Path, shared: Shared) -> Path:
    words = ("--no-detector", "--target", "coreml,executorch-coreml,onnx", "--precision", "fp16")
    return shared.export(*words, "--weights", weights, "--size", SIZE)


class StandInCoreMl:
    """coremltools' MLModel as on a Mac, answering from the interpreter."""

    def __init__(self, path: str) -> None:
        self.model = InterpretedModel(Path(path))

    def get_spec(self) -> Any:
        return ct.utils.load_spec(str(self.model.path))

    def predict(self, data: dict[str, Any]) -> dict[str, Any]:
        return self.model.predict(data)


@pytest.fixture
def _on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ct.models, "MLModel", StandInCoreMl)
    on_a_mac = dataclasses.replace(TARGETS["coreml"], load=coreml_target.load)
    monkeypatch.setitem(TARGETS, "coreml", on_a_mac)


def package_of(directory: Path) -> Path:
    (package,) = directory.glob("*.mlpackage")
    return package


@pytest.mark.usefixtures("_on_a_mac")
def test_on_a_mac_verify_compares_core_ml_with_the_interpreter(
    for_apple: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", for_apple, "--compare") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.split()[:2] == ["segmenter", "coreml"]]
    by_itself, interpreted, compared = rows
    assert "Core ML  " in by_itself
    assert "reference interpreter  " in interpreted
    assert "Core ML against reference interpreter" in compared
    assert "exact" in compared, "the stand-in is the interpreter"
    assert by_itself.split()[-2] != "-", "Core ML has a time"
    assert interpreted.split()[-2] == "-", "the interpreter has none"


def test_without_core_ml_there_is_nothing_to_compare(
    for_apple: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", for_apple, "--compare") == 0
    assert "against" not in capsys.readouterr().out.replace("against PyTorch", "")


def test_eval_says_that_an_interpreter_ran(
    scenes: Path, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = exported / "nano_coreml_fp32.mlpackage"
    assert run("eval", "--data", scenes, "--model", package, "--limit", 1, "--clicks", 1) == 0
    printed = capsys.readouterr().out
    assert f"{package.name} (reference interpreter)" in printed
    assert "no operator fusion" in printed


def test_a_directory_gives_what_runs_here_before_what_is_interpreted(for_apple: Path) -> None:
    assert not isinstance(load(for_apple), InterpretedNetwork)


def test_the_delegates_package_inside_of_an_executorch_program(for_apple: Path) -> None:
    (program,) = for_apple.glob("*.pte")
    network = load(program)
    assert isinstance(network, InterpretedNetwork)
    answers = golden_in(for_apple)
    assert {answer.dtype for answer in network(*answers[0].inputs)} == {torch.float32}
    outside = parity(coreml_target.interpret(package_of(for_apple)), answers)
    assert parity(network, answers).min_mask_iou == pytest.approx(outside.min_mask_iou, abs=0.01)


@pytest.mark.parametrize("kept", [200, -200])
def test_a_damaged_program_is_refused(kept: int, for_apple: Path, tmp_path: Path) -> None:
    (program,) = for_apple.glob("*.pte")
    damaged = tmp_path / "a.pte"
    content = program.read_bytes()
    damaged.write_bytes(content[:kept] if kept > 0 else content[:kept].ljust(len(content), b"0"))
    with pytest.raises(ArtifactError, match="export executorch-coreml again"):
        executorch_target.interpret(damaged)


@pytest.mark.parametrize("suffix", [".mlpackage", ".pte"])
def test_another_input_size_is_refused(suffix: str, for_apple: Path) -> None:
    (path,) = for_apple.glob(f"*{suffix}")
    with pytest.raises(ArtifactError, match="export it with that --size"):
        load(path)(*(torch.zeros(spec.shape) for spec in input_specs(2 * SIZE)))


def test_a_program_for_another_delegate_has_no_package(exported: Path) -> None:
    program = exported / "nano_executorch_fp32.pte"
    assert not executorch_target.is_delegated(program)
    with pytest.raises(ArtifactError, match="Core ML delegate"):
        executorch_target.interpret(program)


def test_a_package_with_other_inputs_is_not_our_network(for_apple: Path, tmp_path: Path) -> None:
    package = tmp_path / "other.mlpackage"
    with quiet():
        renamed = ct.utils.load_spec(str(package_of(for_apple)))
        ct.utils.rename_feature(renamed, "prompt_maps", "maps")
        ct.models.utils.save_spec(
            renamed, str(package), weights_dir=str(next(package_of(for_apple).rglob("weights")))
        )
    with pytest.raises(ArtifactError, match="coreml-run"):
        coreml_target.interpret(package)
