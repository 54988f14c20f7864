"""`squeezesam eval` through the command line."""

import json
from pathlib import Path

import pytest
import torch
from conftest import write_scene
from pillow_reference import picture_size

from squeezesam.cli import main
from squeezesam.evaluation import run
from squeezesam.networks.configs import SqueezeSamConfig, variant_config
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.weights import save_weights


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """Four scenes in folder `shapes` of the current directory."""
    monkeypatch.chdir(tmp_path)
    for seed in range(4):
        write_scene(Path("shapes"), f"scene{seed}", seed)
    return Path("shapes")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    config = variant_config("nano")
    assert isinstance(config, SqueezeSamConfig)
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    save_weights(SqueezeSam(config).eval(), path, "nano", torch.float32)
    return str(path)


def test_everything_is_written(shapes, capsys):
    (shapes / "scene3.jpg").write_bytes(b"damaged")
    protocols = ["--protocol", "clicks", "parts", "box", "--clicks", "2"]
    arguments = ["--data", "shapes", *protocols, "--baseline", "grabcut", "--out", "runs/grabcut"]
    assert main(["eval", *arguments]) == 0
    out, err = capsys.readouterr()
    assert not err
    folder = Path("runs/grabcut")
    assert (folder / "report.md").read_text() == out
    assert "grabcut skipped 1: photo 3" in out
    assert sorted(path.name for path in folder.iterdir()) == [
        "contact_sheet_shapes_box.jpg",
        "contact_sheet_shapes_clicks.jpg",
        "contact_sheet_shapes_parts.jpg",
        "report.md",
        "results.json",
    ]
    assert picture_size(folder / "contact_sheet_shapes_clicks.jpg")[0] > 1000
    results = json.loads((folder / "results.json").read_text())
    assert results["subject"]["name"] == "grabcut"
    (data,) = results["data"]
    assert data["photos"] == 3
    by_protocol = {entry["protocol"]: entry for entry in data["protocols"]}
    assert by_protocol["clicks"]["options"] == {"clicks": 2}
    counts = {name: len(entry["objects"][0]["ious"]) for name, entry in by_protocol.items()}
    assert counts == {"clicks": 2, "parts": 6, "box": 1}
    assert by_protocol["box"]["objects"][0]["ious"][0] > 0.9
    assert max(by_protocol["parts"]["objects"][0]["ious"]) > 0.9
    assert [path.name for path in Path("runs").iterdir()] == ["grabcut"]


@pytest.mark.usefixtures("shapes")
def test_a_model_and_a_baseline_side_by_side(weights, capsys):
    quick = ["--data", "shapes", "--clicks", "1", "--limit", "2"]
    assert main(["eval", *quick, "--model", weights, "--size", "64", "--out", "ours"]) == 0
    assert main(["eval", *quick, "--baseline", "grabcut", "--out", "theirs"]) == 0
    capsys.readouterr()
    assert main(["eval", "--report", "ours/results.json", "theirs/results.json"]) == 0
    out = capsys.readouterr().out
    assert "| grabcut - nano.safetensors at 64 px | all" in out
    subject = json.loads(Path("ours/results.json").read_text())["subject"]
    assert subject["input_size"] == 64
    assert list(subject["files"]) == ["nano.safetensors"]


@pytest.mark.usefixtures("shapes")
def test_a_killed_run_goes_on_and_mixes_with_no_other(monkeypatch, capsys):
    words = ["eval", "--data", "shapes", "--baseline", "grabcut", "--clicks", "1", "--out"]
    assert main([*words, "one"]) == 0
    measure, seen = run.evaluate_photos, []

    def killed(*arguments):
        seen.append(arguments)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(run, "evaluate_photos", killed)
    assert main([*words, "two"]) == 130
    capsys.readouterr()
    assert main([*words[:-2], "2", "--out", "two"]) == 2
    line = capsys.readouterr().err
    assert "two/.parts/shapes/000000.json differs from this run in its protocols" in line
    assert line.count("\n") == 1
    assert main([*words, "two"]) == 0
    assert len(seen) == 3 + 2
    one, two = (json.loads(Path(f"{name}/results.json").read_text()) for name in ("one", "two"))
    assert one["data"] == two["data"]
    assert not Path("two/.parts").exists()


def test_without_out_nothing_is_written(shapes, capsys):
    arguments = ["--data", "shapes", "--baseline", "grabcut", "--clicks", "1", "--limit", "1"]
    assert main(["eval", *arguments]) == 0
    assert "### shapes, clicks" in capsys.readouterr().out
    assert list(Path().iterdir()) == [shapes]


@pytest.mark.usefixtures("shapes")
def test_results_are_replaced_by_newer_ones():
    quick = ["--data", "shapes", "--baseline", "grabcut", "--clicks", "1", "--limit", "1"]
    assert main(["eval", *quick, "--protocol", "box", "--out", "run"]) == 0
    assert main(["eval", *quick, "--out", "run"]) == 0
    assert Path("run/contact_sheet_shapes_clicks.jpg").exists()
    assert not Path("run/contact_sheet_shapes_box.jpg").exists()


@pytest.mark.usefixtures("shapes")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --data DIR"),
        (["--data", "shapes", "--protocol", "taps"], "unknown protocol 'taps'"),
        (["--data", "shapes", "--clicks", "0"], "clicks=0 must be at least 1"),
        (["--data", "shapes", "--limit", "0"], "--limit 0 must be at least 1"),
        (["--data", "shapes", "shapes"], "two data sets are named 'shapes'"),
        (["--data", "shapes", "--baseline", "magic"], "unknown baseline 'magic'"),
        (["--data", "shapes", "--baseline", "grabcut=1"], "takes no argument"),
        (["--data", "shapes", "--baseline", "grabcut", "--size", "256"], "--baseline stands alone"),
        (["--data", "shapes", "--baseline", "grabcut", "--raw-masks"], "--baseline stands alone"),
        (["--data", "shapes", "--model", "missing.onnx"], "no artifact missing.onnx"),
        (["--data", "shapes", "--size", "100"], "input size 100 does not fit"),
        (["--data", "shapes", "--out", "shapes"], "holds other files"),
        (["--data", "shapes", "--out", "file.txt"], "takes no files"),
        (["--data", "shapes", "--out", "file.txt/run"], "takes no files"),
        (["--report", "missing.json"], "cannot read missing.json"),
        (["--report", "file.txt"], "no result of schema version"),
        (["--report", "file.txt", "--data", "shapes"], "--report only prints"),
    ],
)
def test_bad_arguments(arguments, message, capsys):
    Path("file.txt").write_text("no results")
    before = sorted(Path().rglob("*"))
    assert main(["eval", *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert err.startswith("squeezesam eval: ")
    assert message in err
    assert sorted(Path().rglob("*")) == before


def test_a_missing_data_set(shapes, capsys):
    assert main(["eval", "--data", str(shapes / "missing")]) == 2
    assert str(shapes / "missing") in capsys.readouterr().err


def test_raw_masks_are_named_in_the_table(shapes, weights, capsys):
    arguments = ["eval", "--data", str(shapes), "--model", weights, "--clicks", "1"]
    assert main([*arguments, "--raw-masks"]) == 0
    assert "nano.safetensors, raw masks" in capsys.readouterr().out
