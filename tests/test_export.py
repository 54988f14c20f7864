"""Export and verify, on a small network with random weights."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundles import golden_in, parity, rewrite_network, with_hash
from small_networks import SIZE, random_network, run
from torch import Tensor

from squeezesam.errors import ArtifactError, MissingDependencyError, VerificationError
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.load import InterpretedNetwork, load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.networks.building import folded
from squeezesam.spec import LOW_RES_MASKS, input_specs
from squeezesam_export.bundle.artifacts import sha256_of
from squeezesam_export.bundle.manifest import Artifact, Manifest, read_manifest
from squeezesam_export.bundle.verification import Verification, mask_ious
from squeezesam_export.kinds.segmenter import golden_prompts
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.targets import coreml_target, onnx_target
from squeezesam_export.targets.quiet import quiet
from squeezesam_export.targets.table import TARGETS
from squeezesam_export.targets.target import ExportJob


@pytest.fixture
def export_copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "artifacts"))


def find(manifest: Manifest, target: str, precision: str = "fp32") -> Artifact:
    (artifact,) = (
        artifact
        for artifact in manifest.artifacts
        if (artifact.target, artifact.precision) == (target, precision)
    )
    return artifact


def test_folding_changes_no_answer() -> None:
    model = random_network(0)
    inputs = [torch.rand(spec.shape) - 0.5 for spec in input_specs(SIZE)]
    with torch.inference_mode():
        for given, wanted in zip(folded(model)(*inputs), model(*inputs), strict=True):
            torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-4)


def test_verify_passes_and_says_what_did_not_run(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", exported) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {tuple(line.split()[1:3]): line for line in lines}
    for precision in ("fp32", "fp16", "int8"):
        assert rows["onnx", precision].endswith(" ok")
        assert rows["executorch", precision].endswith(" ok")
        assert rows["coreml", precision].endswith(" ok")


def test_the_manifest_tells_what_was_measured(exported: Path, weights: Path) -> None:
    manifest = read_manifest(exported)
    (network,) = manifest.networks
    assert (network.kind, network.variant, network.input_size) == ("segmenter", "nano", SIZE)
    assert network.weights_sha256 == sha256_of(weights)
    assert manifest.tool_versions["torch"] == torch.__version__
    assert f"--size {SIZE}" in manifest.command
    for artifact in manifest.artifacts:
        interpreted = artifact.target == "coreml" and sys.platform != "darwin"
        assert (artifact.measured_with == "reference interpreter") == interpreted
        if artifact.precision == "fp16":
            assert 30 < (artifact.parity.mask_sqnr_db or 0) < 110
    assert find(manifest, "coreml").graphs[0].io_dtypes["image"] == "rgb8"


def test_nothing_is_outside_the_xnnpack_delegate(exported: Path) -> None:
    manifest = read_manifest(exported)
    for precision in ("fp32", "fp16", "int8"):
        artifact = find(manifest, "executorch", precision)
        assert artifact.ops_outside_delegate == ()
        assert (artifact.graphs[0].delegated_ops or 0) > 50


def test_golden_masks_can_tell_networks_apart(exported: Path) -> None:
    answers = golden_in(exported)
    assert len(answers) == sum(len(golden_prompts(example)) for example in EXAMPLES)
    covered = torch.cat([answer.tensors[LOW_RES_MASKS] for answer in answers]).gt(0).float().mean()
    assert 0.05 < covered < 0.95
    with pytest.raises(VerificationError, match="NaN"):
        parity(lambda *_: (torch.full_like(answers[0].outputs[0], torch.nan),) * 2, answers)
    other = folded(random_network(1))

    def noisy(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        """PyTorch's answers, but for one alternative."""
        (answer,) = (one for one in answers if all(map(torch.equal, one.inputs, inputs)))
        masks, ious = answer.outputs
        masks = masks.clone()
        masks[:, 2] *= -1
        return masks, ious

    noise = parity(noisy, answers)
    assert noise.min_mask_iou == 1, "it is that of the answer, mask 0"
    assert noise.mean_mask_iou < 0.9
    assert parity(torch.inference_mode()(other), answers).min_mask_iou < 0.9


def test_golden_inputs_are_what_the_predictor_feeds(exported: Path) -> None:
    answers = golden_in(exported)
    fed: list[tuple[Tensor, ...]] = []

    def recorder(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        answer = answers[len(fed)]
        fed.append(inputs)
        masks, ious = answer.outputs
        return masks, ious

    predictor = SamPredictor(recorder, SIZE, looking=None)
    for example in EXAMPLES:
        predictor.set_image(read_photo(example.path))
        given: dict[str | None, np.ndarray | None] = {None: None}
        for case in golden_prompts(example):
            coords = [(click.x, click.y) for click in case.clicks]
            labels = [click.label for click in case.clicks]
            _, _, given[case.name] = predictor.predict(
                coords, labels, case.box, given[case.previous], multimask_output=False
            )
    assert len(fed) == len(answers)
    for inputs, answer in zip(fed, answers, strict=True):
        for one, golden in zip(inputs, answer.inputs, strict=True):
            assert torch.equal(one, golden)


def test_artifacts_load_by_name_and_by_directory(exported: Path) -> None:
    (answer, *_) = golden_in(exported)
    for path in (exported, *exported.glob("*.onnx"), *exported.glob("*.pte")):
        masks, ious = load(path)(*answer.inputs)
        assert masks.dtype == ious.dtype == torch.float32
        assert mask_ious(masks, answer.outputs[0]).min() > 0.9
    (package, *_) = exported.glob("*.mlpackage")
    network = load(package)
    assert isinstance(network, InterpretedNetwork) == (sys.platform != "darwin")
    assert mask_ious(network(*answer.inputs)[0], answer.outputs[0]).min() > 0.9


def test_an_input_of_another_size_is_refused(exported: Path) -> None:
    inputs = [torch.zeros(spec.shape) for spec in input_specs(2 * SIZE)]
    for target in ("onnx", "executorch"):
        network = load(exported / find(read_manifest(exported), target).graphs[0].file)
        with pytest.raises(ArtifactError, match="--size"):
            network(*inputs)


@pytest.mark.parametrize("target", ["onnx", "executorch", "coreml"])
def test_an_artifact_of_another_size_segments_photos(
    target: str, exported: Path, tmp_path: Path
) -> None:
    artifact = exported / find(read_manifest(exported), target).graphs[0].file
    out = tmp_path / "mask.png"
    assert load(artifact).size == SIZE
    photo = EXAMPLES[0].path
    assert run("segment", photo, "--point", "9,9", "--model", artifact, "--out", out) == 0
    assert read_photo(out).shape == read_photo(photo).shape


@pytest.mark.parametrize("name", ["a.onnx", "a.pte"])
def test_a_damaged_artifact_does_not_load(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(b"not what the suffix says" * 100)
    photo = EXAMPLES[0].path
    words = ("--point", "155,200", "--model", tmp_path / name, "--out", tmp_path / "mask.png")
    assert run("segment", photo, *words) == 2
    error = capfd.readouterr().err
    assert "refuses" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("which", ["onnx", "coreml", "executorch", "golden"])
def test_a_tampered_file_is_found(
    which: str, export_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = read_manifest(export_copy)
    golden = manifest.networks[0].golden[0].file
    path = export_copy / (golden if which == "golden" else find(manifest, which).graphs[0].file)
    if path.is_dir():
        (path,) = path.rglob("weight.bin")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert run("verify", export_copy) == 2
    assert "altered" in capsys.readouterr().err


def first_case(content: Any, number: int = 0) -> Any:
    return content["networks"][0]["golden"][0]["cases"][number]


def first_graph(content: Any) -> Any:
    return content["networks"][0]["artifacts"][0]["graphs"][0]


EDITS: dict[str, tuple[Callable[[Any], object], str]] = {
    "a click, by a pixel": (
        lambda m: first_case(m)["clicks"][0].update(x=first_case(m)["clicks"][0]["x"] + 1),
        "asks for something else",
    ),
    "a label": (lambda m: first_case(m)["clicks"][0].update(label=0), "asks for something else"),
    "a click outside": (lambda m: first_case(m)["clicks"][0].update(x=10**6), "outside"),
    "a box": (lambda m: first_case(m, 2)["box"].reverse(), "covers nothing"),
    "another earlier case": (
        lambda m: first_case(m, 3).update(previous="box"),
        "asks for something else",
    ),
    "no such earlier case": (lambda m: first_case(m, 3).update(previous="x"), "not before it"),
    "the size of a photo": (
        lambda m: m["networks"][0]["golden"][0].update(width=5000),
        "asks for something else",
    ),
    "no vectors": (lambda m: m.update(vectors=[]), "does not name golden/"),
    "vectors twice": (lambda m: m["vectors"].append(m["vectors"][0]), "lists the vectors"),
    "a golden file less": (lambda m: m["networks"][0]["golden"].pop(), "does not name golden/"),
    "the size of a file": (lambda m: first_graph(m).update(size_bytes=5), "another size"),
    "looser bounds": (
        lambda m: m["bounds"]["fp32"].update(min_mask_iou=0.5),
        "other bounds than this version",
    ),
    "the bounds of a precision": (lambda m: m["bounds"].pop("fp32"), "other bounds"),
    "the files of a file": (lambda m: first_graph(m).update(files={"a": "0" * 64}), "other files"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_manifest_is_found(
    name: str, export_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit, message = EDITS[name]
    path = export_copy / "manifest.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    assert run("verify", export_copy) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("figure", "value", "title"),
    [
        ("min_mask_iou", 0.9, "smallest mask IoU"),
        ("mean_mask_iou", 0.5, "mean mask IoU"),
        ("max_mask_error", 0.5, "largest mask error"),
        ("mask_sqnr_db", 20.0, "SQNR of masks"),
        ("measures", {"max_iou_error": 0.01}, "max IoU err"),
        ("max_mask_error", 1e-5, None),
        ("mask_sqnr_db", None, None),
    ],
)
def test_figures_that_the_manifest_records_are_measured_again(
    figure: str, value: object, title: str | None, exported: Path
) -> None:
    """Rounding of another machine is allowed for."""
    verification = Verification(exported)
    (network,) = verification.manifest.networks
    artifact = find(verification.manifest, "onnx")
    edited = dataclasses.replace(artifact.parity, **{figure: value})  # type: ignore[arg-type]
    artifact = dataclasses.replace(artifact, parity=edited)
    (verdict,) = verification.judged(network, artifact, compare=False)
    assert (title or "None") in str(verdict.broken)


def test_a_missing_file_is_found(export_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (export_copy / find(read_manifest(export_copy), "onnx").graphs[0].file).unlink()
    assert run("verify", export_copy) == 2
    assert "missing" in capsys.readouterr().err


def test_no_manifest(export_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (export_copy / "manifest.json").unlink()
    assert run("verify", export_copy) == 2
    assert "no export directory" in capsys.readouterr().err


def test_an_artifact_of_another_network_fails(
    export_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its hash is right, its answers are not."""
    manifest = read_manifest(export_copy)
    artifact = find(manifest, "onnx")
    path = export_copy / artifact.graphs[0].file
    onnx_target.export(ExportJob(folded(random_network(1)), SIZE, SCHEMES["fp32"]), path)
    forged = with_hash(artifact, export_copy)
    artifacts = tuple(forged if item is artifact else item for item in manifest.artifacts)
    rewrite_network(export_copy, artifacts=artifacts)
    assert run("verify", export_copy) == 1
    output = capsys.readouterr()
    assert "1 of 9 artifacts" in output.err
    assert output.out.count(" ok\n") == 8, "the other rows are printed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "onnx,abacus"], "abacus"),
        (["--target", ""], "unknown target ''"),
        (["--precision", "int3"], "int3"),
        (["--size", "100"], "multiple of 32"),
        (["--size", "-32"], "multiple of 32"),
        (["--variant", "base"], "'nano' weights"),
        (["--variant", "huge"], "huge"),
        (["--precision", "palette4"], "onnx has no palette4"),
        (["--precision", "int8", "--keep-float", "stem,tail"], "unknown block 'tail'"),
        (["--precision", "int8", "--calibration", "missing"], "missing"),
        (["--weights", "missing.safetensors"], "missing.safetensors"),
    ],
)
def test_bad_options(
    words: list[str],
    message: str,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    fixed = ("--no-detector", "--out", out, "--weights", weights, "--target", "onnx")
    assert run("export", *fixed, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_precision_that_a_target_lacks(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(TARGETS, "onnx", dataclasses.replace(TARGETS["onnx"], schemes=("fp32",)))
    words = ("--target", "onnx", "--weights", weights, "--out", tmp_path / "out")
    assert run("export", "--no-detector", *words) == 2
    assert "onnx has no fp16" in capsys.readouterr().err


def test_bad_outputs(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("mine")
    for out in ("file", "file/inside", "folder"):
        assert run("export", "--no-detector", "--weights", weights, "--out", tmp_path / out) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "folder" / "thesis.tex").read_text() == "mine"
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["artifacts", "missing/../artifacts"])
def test_a_folder_that_is_no_export_is_kept(weights: Path, tmp_path: Path, name: str) -> None:
    """Such as that of a web app, which has a manifest.json of its own; or of models alone."""
    words = ("--target", "onnx", "--precision", "fp32", "--size", SIZE, "--weights", weights)
    for own in ({"manifest.json", "main.js"}, {"model.onnx"}):
        folder = tmp_path / "artifacts"
        folder.mkdir()
        for file in own:
            (folder / file).write_text("{}")
        assert run("export", "--no-detector", *words, "--out", tmp_path / name) == 2
        assert {path.name for path in folder.iterdir()} == own
        shutil.rmtree(folder)


def test_an_earlier_export_is_replaced(exported: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "artifacts"
    out.mkdir()
    shutil.copy(exported / "manifest.json", out)
    (out / "old.onnx").touch()
    words = ("--target", "onnx", "--precision", "fp32", "--size", SIZE, "--weights", weights)
    assert run("export", "--no-detector", *words, "--out", out) == 0
    assert [artifact.target for artifact in read_manifest(out).artifacts] == ["onnx"]
    assert not (out / "old.onnx").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["artifacts"]


def test_a_killed_export_leaves_no_directory(weights: Path, tmp_path: Path) -> None:
    code = "from squeezesam.cli import main; main()"
    words = ["export", "--no-detector", "--weights", str(weights), "--size", str(SIZE)]
    child = subprocess.Popen(
        [sys.executable, "-c", code, *words, "--out", "artifacts"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".artifacts.*/new/golden/*")):
        assert child.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert all(path.name.startswith(".artifacts.") for path in tmp_path.iterdir())


def test_an_absent_package_names_its_extra(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"squeezesam\[onnx\]"):
        onnx_target.load(exported / find(read_manifest(exported), "onnx").graphs[0].file)
    (answer, *_) = golden_in(exported)
    load(exported)(*answer.inputs)  # falls back to ExecuTorch


def test_the_picture_for_core_ml_is_the_letterboxed_photo(exported: Path) -> None:
    manifest = read_manifest(exported)
    (answer, *_) = golden_in(exported)
    with np.load(exported / manifest.networks[0].golden[0].file) as golden:
        picture = np.asarray(coreml_target.picture(answer.inputs[0]))
        assert (picture == golden["image"][0].transpose(1, 2, 0)).all()


def test_vendors_are_heard_only_when_they_fail(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("chatter")
        os.write(2, b"chatter")
    assert capfd.readouterr() == ("", "")

    @quiet()
    def fail() -> None:
        os.write(1, b"a hint, ")
        print("and another")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert capfd.readouterr() == ("", "a hint, and another\n")


@pytest.mark.long
def test_the_demo(tmp_path: Path) -> None:
    out = tmp_path / "demo_output"
    assert run("demo", "--out", out) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {"mask.png", "overlay.png", "cutout.png", "explained.png", "artifacts"}
    networks = read_manifest(out / "artifacts").networks
    assert [(one.kind, len(one.artifacts)) for one in networks] == [
        ("segmenter", 9),
        ("detector", 9),
    ]
