"""`squeezesam distill` through the command line, with stand-ins for the ONNX files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from squeezesam.cli import main
from squeezesam.data.open import open_dataset

GRID = ["--points-per-side", "4"]


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A folder with one photo, and the ellipse on it."""
    y, x = np.mgrid[:90, :152]
    mask = ((x - 105) / 26) ** 2 + ((y - 35) / 18) ** 2 < 1
    pixels = np.where(mask[..., None], (230, 190, 40), (30, 60, 90)).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.png")
    return tmp_path / "photos", mask


def test_photos_and_an_onnx_pair_give_a_data_set(
    teacher: str,
    photos: tuple[Path, np.ndarray],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, mask = photos
    (folder / "broken.jpg").write_bytes(b"no photo")
    out = tmp_path / "labels"
    command = ["distill", "--teacher", teacher, "--data", str(folder), "--out", str(out), *GRID]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"labelled photos: 1, masks: 2, in {out}\nleft out 1:\n  photos[1]: ")
    assert "broken.jpg" in printed
    first, second = open_dataset(out)[0].annotations
    ious = [(each.mask() & mask).sum() / (each.mask() | mask).sum() for each in (first, second)]
    assert max(ious) > 0.95
    written = (out / "a.json").stat().st_mtime_ns
    assert main(command) == 0
    assert (out / "a.json").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--teacher": "one.onnx"}, "ENCODER.onnx,DECODER.onnx"),
        ({"--teacher": "a.onnx,b.onnx"}, "no ONNX file a.onnx"),
        ({"--data": "missing"}, "missing"),
        ({"--data": "empty"}, "empty"),
        ({"--out": "photos"}, "--out"),
        ({"--points-per-side": "0"}, "points_per_side=0"),
        ({"--predicted-iou": "2"}, "predicted_iou=2"),
    ],
)
def test_bad_input_is_one_error(
    teacher: str,
    photos: tuple[Path, np.ndarray],
    changed: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(photos[0].parent)
    Path("empty").mkdir()
    arguments = {"--teacher": teacher, "--data": "photos", "--out": "labels", **changed}
    assert main(["distill", *(word for pair in arguments.items() for word in pair)]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("squeezesam distill: ")
    assert message in err
    assert not Path("labels").exists()
