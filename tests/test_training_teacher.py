"""`squeezesam train --teacher`, with stand-ins for the ONNX files."""

from pathlib import Path

import pytest

from squeezesam.cli import main


def test_the_teachers_masks_become_a_data_set_of_the_run(
    scenes: Path, teacher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["train", "--data", str(scenes), "--out", str(out), "--variant", "nano"]
    arguments += ["--stage", "64:2:2", "--workers", "0", "--teacher", teacher]
    shares = ["--share", "shapes-taught=1.0"]
    assert main([*arguments, *shares]) == 0
    taught = sorted((out / "teacher" / "shapes-taught").glob("*.json"))
    assert len(taught) == 6
    assert "shapes-taught" in capsys.readouterr().out
    made = [path.stat().st_mtime_ns for path in taught]
    assert main([*arguments, "--dry-run"]) == 0
    assert main([*arguments, *shares]) == 0
    assert [path.stat().st_mtime_ns for path in taught] == made
