"""The page of `squeezesam web` in a real browser: masks are Python's, and faults are sentences."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_networks import SIZE

from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.load import load
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam_export.web_site import site_server, write_site

SCRIPT = Path(__file__).parent / "web" / "chromium.mjs"
RUNTIME = "SQUEEZESAM_WEB_RUNTIME"
PACKAGES = Path(os.environ.get(RUNTIME, ""))
CHROMIUM = shutil.which("chromium")
DETECTOR_SIZE = 64
pytestmark = [
    pytest.mark.web,
    pytest.mark.slow,
    pytest.mark.skipif(
        not all((PACKAGES / name).is_dir() for name in ("onnxruntime-web", "playwright-core")),
        reason=f"{RUNTIME} names no node_modules folder with playwright-core; see docs/web.md",
    ),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture
def bundle(weights, detector_weights, shared):
    words = ("--target", "onnx", "--precision", "fp32", "--size", SIZE, "--weights", weights)
    detector = ("--detector", detector_weights, "--detector-size", DETECTOR_SIZE)
    return shared.export(*words, *detector)


@pytest.fixture
def site(bundle, tmp_path):
    write_site(bundle, PACKAGES, tmp_path / "site")
    return tmp_path / "site"


def used(site: Path, out: Path):
    """What the browser saw of a site; its downloads are in `out`."""
    out.mkdir()
    (out / "corrupt.jpg").write_bytes(b"no photo")
    Image.new("L", (10_000, 10_000)).save(out / "huge.png")
    with site_server(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        files = (EXAMPLES[0].path, out / "corrupt.jpg", out / "huge.png")
        try:
            subprocess.run(
                ["node", SCRIPT, f"{address}/", *files, out],
                env={**os.environ, "SQUEEZESAM_CHROMIUM": str(CHROMIUM)},
                check=True,
                timeout=300,
            )
        finally:
            server.shutdown()
            thread.join()
    seen = json.loads((out / "seen.json").read_text())
    assert seen["origins"] == [address]
    assert seen["problems"] == []
    return seen


def iou(mask, path: Path):
    other = np.asarray(Image.open(path).convert("L")) > 0
    return (mask & other).sum() / (mask | other).sum()


def test_masks_in_the_browser_are_those_of_python(bundle, site, tmp_path):
    out = tmp_path / "out"
    seen = used(site, out)
    photo = read_photo(EXAMPLES[0].path)
    height, width = photo.shape[:2]
    names = ("nano_*.onnx", "saliency_*.onnx")
    predictor = SaliencyPredictor(*(load(next(bundle.glob(name))) for name in names))
    predictor.set_image(photo)
    automatic, _, low_res = predictor.predict(multimask_output=False)
    left, top = (float(place.rstrip("%")) / 100 for place in seen["mark"])
    click = [round(left * width - 0.5), round(top * height - 0.5)]
    edited, _, _ = predictor.edit([click], [0], low_res)
    assert (automatic != edited).any()
    assert iou(automatic[0], out / "automatic.png") >= 0.999
    assert iou(edited[0], out / "edited.png") >= 0.999
    assert (out / "undone.png").read_bytes() == (out / "automatic.png").read_bytes()
    cutout = Image.open(out / "cutout.png")
    assert cutout.size == (width, height)
    assert iou(np.asarray(cutout.getchannel("A")) >= 128, out / "automatic.png") >= 0.999
    assert seen["isolated"]
    assert seen["stages"] > 3
    assert "WebAssembly took over" in seen["fallback"]
    assert seen["backend"] == "wasm"
    assert "no photo that the browser can read" in seen["corrupt"]
    assert "has 100 megapixels" in seen["huge"]
    assert not seen["overflows"]


@pytest.mark.parametrize("fault", ["altered", "missing"])
def test_a_damaged_bundle_is_a_sentence(site, tmp_path, fault):
    artifact = next((site / "bundle").glob("nano_*.onnx"))
    if fault == "missing":
        artifact.unlink()
    else:
        artifact.write_bytes(artifact.read_bytes() + b"x")
    wanted = {"altered": "was altered since its export", "missing": "cannot be read (HTTP 404)"}
    assert wanted[fault] in used(site, tmp_path / "out")["opened"]
