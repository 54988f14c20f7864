"""`bench schemes`, on a small network and a handful of drawn scenes."""

import json
from pathlib import Path

import pytest
from small_networks import run


@pytest.fixture(scope="module")
def artifacts(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At the one size that the comparison takes."""
    out, more = (tmp_path_factory.mktemp("export") / name for name in ("artifacts", "more"))
    words = ("--target", "onnx", "--precision", "fp32,int8-weights")
    assert run("export", "--no-detector", "--weights", weights, *words, "--out", out) == 0
    words = ("--target", "coreml", "--precision", "fp16")
    assert run("export", "--no-detector", "--weights", weights, *words, "--out", more) == 0
    manifest, other = (json.loads((one / "manifest.json").read_text()) for one in (out, more))
    manifest["networks"][0]["artifacts"] += other["networks"][0]["artifacts"]
    manifest["bounds"] |= other["bounds"]
    (more / "nano_coreml_fp16.mlpackage").rename(out / "nano_coreml_fp16.mlpackage")
    (out / "manifest.json").write_text(json.dumps(manifest))
    return out


def table_rows(text: str) -> dict[tuple[str, str], list[str]]:
    """Cells after runtime and precision, by these two."""
    lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(runtime, precision): rest for runtime, precision, *rest in cells}


def test_the_table_tells_what_ran_and_what_did_not(
    weights: Path,
    artifacts: Path,
    scenes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    words = ("--weights", weights, "--artifacts", artifacts, "--limit", 2, "--out", out)
    quick = ("--rounds", 1, "--iterations", 2)
    assert run("bench", "schemes", "--data", scenes, *words, *quick) == 0
    first = capsys.readouterr().out
    rows = table_rows(first)
    assert list(rows) == [
        ("PyTorch", "fp32"),
        ("onnx", "fp32"),
        ("onnx", "int8-weights"),
        ("coreml (reference interpreter)", "fp16"),
    ]
    assert rows["onnx", "fp32"][0].endswith("(+0.00 [+0.00, +0.00])")
    assert rows["onnx", "fp32"][4] == "1.00", "its own speed"
    interpreted = rows["coreml (reference interpreter)", "fp16"]
    assert all("(" in cell for cell in interpreted[:2]), "percent, and the difference to PyTorch"
    assert interpreted[3:5] == ["-", "-"], "an interpreter's time is not shown"
    assert "no operator fusion" in first
    assert (out / "table.md").read_text().strip() == first.strip()
    assert len((out / "latency.jsonl").read_text().splitlines()) == 3
    assert len(list((out / "evaluations").iterdir())) == 4

    kept = {path: path.stat().st_mtime_ns for path in (out / "evaluations").iterdir()}
    assert run("bench", "schemes", "--data", scenes, *words, *quick) == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "evaluations").iterdir()} == kept


def test_artifacts_of_other_weights_are_refused(
    artifacts: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--artifacts", artifacts, "--out", tmp_path / "out")
    assert run("bench", "schemes", "--data", scenes, *words) == 2
    assert "was not exported from" in capsys.readouterr().err
