"""The page of `squeezesam web` in a real browser: masks are Python's, and faults are sentences."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_networks import SIZE

from squeezesam.environment import usable_cores
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.load import load
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.web_site import SiteHandler, site_server, write_site

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
    words = ("--target", "onnx", "--precision", "fp32,int8", "--size", SIZE, "--weights", weights)
    detector = ("--detector", detector_weights, "--detector-size", DETECTOR_SIZE)
    return shared.export(*words, *detector, "--prompts", "tensors,points")


@pytest.fixture
def site(bundle, tmp_path):
    write_site([bundle], PACKAGES, tmp_path / "site")
    return tmp_path / "site"


class PlainHost(SiteHandler):
    """A host that cannot set headers."""

    def end_headers(self):
        SimpleHTTPRequestHandler.end_headers(self)


def used(
    site: Path,
    out: Path,
    query: str = "precision=fp32",
    handler: type[SiteHandler] = SiteHandler,
    **environment: str,
):
    """What the browser saw of a site that it opened with a query; its downloads are in `out`."""
    out.mkdir()
    (out / "corrupt.jpg").write_bytes(b"no photo")
    Image.new("L", (10_000, 10_000)).save(out / "huge.png")
    with site_server(site, 0, handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        files = (EXAMPLES[0].path, out / "corrupt.jpg", out / "huge.png")
        try:
            subprocess.run(
                ["node", SCRIPT, f"{address}/?{query}", *files, out],
                env={**os.environ, "SQUEEZESAM_CHROMIUM": str(CHROMIUM), **environment},
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


def python_predictor(bundle, precision):
    names = (f"nano_points_onnx_{precision}.onnx", f"saliency_onnx_{precision}.onnx")
    return SaliencyPredictor(*(load(bundle / name) for name in names))


def automatic_mask(bundle):
    predictor = python_predictor(bundle, "fp32")
    predictor.set_image(read_photo(EXAMPLES[0].path))
    masks, _, _ = predictor.predict(multimask_output=False)
    return masks[0]


def clicks_of(seen, photo):
    """The clicks that the browser had marked, in pixels of the photo."""
    height, width = photo.shape[:2]
    places = [[float(side.rstrip("%")) / 100 for side in sides] for _, *sides in seen["marks"]]
    return [[round(x * width - 0.5), round(y * height - 0.5)] for x, y in places]


def python_masks(predictor, seen):
    """Python's answers to what was done in the browser, by the names of the downloads."""
    photo = read_photo(EXAMPLES[0].path)
    predictor.set_image(photo)
    clicks = clicks_of(seen, photo)
    left, top, across, down = seen["box"]
    automatic, _, first = predictor.predict(multimask_output=False)
    edited, _, second = predictor.edit(clicks[:1], [0], first)
    twice, _, _ = predictor.edit(clicks, [0, 1], second)
    boxed, _, _ = predictor.predict(
        box=[left, top, left + across, top + down], multimask_output=False
    )
    masks = {"automatic": automatic, "edited": edited, "twice": twice, "boxed": boxed}
    return {name: mask[0] for name, mask in masks.items()}


def test_masks_in_the_browser_are_those_of_python(bundle, site, tmp_path):
    out = tmp_path / "out"
    seen = used(site, out)
    assert [kind for kind, *_ in seen["marks"]] == ["mark remove", "mark add"]
    masks = python_masks(python_predictor(bundle, "fp32"), seen)
    automatic = masks["automatic"]
    height, width = automatic.shape
    for name, mask in masks.items():
        assert iou(mask, out / f"{name}.png") >= 0.999, name
    assert (masks["edited"] != automatic).any()
    assert (masks["twice"] != masks["edited"]).any()
    assert (out / "undone.png").read_bytes() == (out / "automatic.png").read_bytes()
    assert [kind for kind, *_ in seen["keyboard"]] == ["mark add"]
    assert [kind for kind, *_ in seen["held"]] == ["mark add", "mark remove"]
    cutout = Image.open(out / "cutout.png")
    assert cutout.size == (width, height)
    assert iou(np.asarray(cutout.getchannel("A")) >= 128, out / "automatic.png") >= 0.999
    copied = Image.open(out / "copied.png")
    assert "in the clipboard" in seen["copied"]
    assert np.array_equal(copied.getchannel("A"), cutout.getchannel("A"))
    assert iou(automatic, out / "pasted.png") >= 0.999
    assert (out / "dropped.png").read_bytes() == (out / "automatic.png").read_bytes()
    assert seen["dragging"]
    assert seen["names"]["pasted.png"] == "image-mask.png"
    assert seen["names"]["dropped.png"] == "dropped-mask.png"
    assert seen["isolated"]
    assert seen["stages"] > 3
    assert "WebAssembly took over" in seen["fallback"]
    assert seen["backend"] == "wasm"
    assert "no photo that the browser can read" in seen["corrupt"]
    assert "has 100 megapixels" in seen["huge"]
    assert not seen["overflows"]


def test_int8_in_the_browser_is_what_the_page_begins_with(bundle, site, tmp_path):
    seen = used(site, tmp_path / "out", query="")
    scheme = SCHEMES["int8"]
    assert seen["precision"] == scheme.name
    masks = python_masks(python_predictor(bundle, "int8"), seen)
    found = [iou(mask, tmp_path / "out" / f"{name}.png") for name, mask in masks.items()]
    assert min(found) >= scheme.bounds.min_mask_iou
    assert np.mean(found) >= scheme.bounds.mean_mask_iou
    assert seen["picked"] == "fp32", "WebGPU has no int8 operators"
    assert seen["fellBackTo"] == "int8"
    assert not seen["hinted"]


def test_webgpu_on_a_software_adapter_answers_as_python_does(bundle, site, tmp_path):
    """The page picks fp32 for it."""
    adapter = {"SQUEEZESAM_ADAPTER": "1", "SQUEEZESAM_ONLY_AUTOMATIC": "1"}
    seen = used(site, tmp_path / "out", "backend=webgpu", **adapter)
    assert seen["precision"] == "fp32"
    assert seen["running"].startswith("WebGPU")
    assert seen["finally"].startswith("WebGPU")
    assert iou(automatic_mask(bundle), tmp_path / "out" / "automatic.png") >= 0.999


def test_a_host_that_sets_no_headers_gets_threads_by_the_service_worker(bundle, site, tmp_path):
    only = {"SQUEEZESAM_PLAIN_HOST": "1", "SQUEEZESAM_ONLY_AUTOMATIC": "1"}
    seen = used(site, tmp_path / "out", "precision=fp32&threads=2", PlainHost, **only)
    assert seen["isolated"]
    threads = min(2, usable_cores())
    assert seen["running"].startswith(f"WebAssembly, {threads} thread")
    assert iou(automatic_mask(bundle), tmp_path / "out" / "automatic.png") >= 0.999


def test_another_model_of_the_page_answers_the_same_question(
    bundle, weights, detector_weights, shared, tmp_path
):
    """Its input has another size, so that it cannot go on from the masks of the first one."""
    words = ("--target", "onnx", "--precision", "fp32", "--size", 2 * SIZE, "--weights", weights)
    detector = ("--detector", detector_weights, "--detector-size", DETECTOR_SIZE)
    other = shared.export(*words, *detector, "--prompts", "points")
    out = tmp_path / "out"
    write_site([bundle, other], PACKAGES, tmp_path / "site")
    seen = used(tmp_path / "site", out, SQUEEZESAM_ONLY_AUTOMATIC="1")
    assert seen["models"] == [bundle.name, other.name]
    assert seen["switched"] == ""
    assert iou(automatic_mask(bundle), out / "automatic.png") >= 0.999
    predictor, photo = python_predictor(other, "fp32"), read_photo(EXAMPLES[0].path)
    predictor.set_image(photo)
    edited, _, _ = predictor.edit(clicks_of(seen, photo), [1])
    assert iou(edited[0], out / "other-model.png") >= 0.999


LOSING = """
import * as wasm from "./ort.wasm.min.mjs";
export const { env, Tensor } = wasm;
let runs = 0;
export const InferenceSession = {
  async create(bytes) {
    const session = await wasm.InferenceSession.create(bytes);
    const { inputNames, outputNames } = session;
    const run = async (feeds) => {
      if (++runs > 1) throw new Error("the device was lost");
      return session.run(feeds);
    };
    return { inputNames, outputNames, run, release: () => session.release() };
  },
};
"""
"""A runtime that runs as WebGPU's does when the device is lost after the first inference."""


def test_a_lost_webgpu_device_is_a_sentence_and_the_processor_answers(site, tmp_path):
    out = tmp_path / "out"
    (site / "runtime" / "ort.webgpu.min.mjs").write_text(LOSING)
    seen = used(site, out, "precision=int8", SQUEEZESAM_ADAPTER="1")
    assert (seen["picked"], seen["fellBackTo"]) == ("int8", "int8"), "named by the user"
    assert seen["hinted"], "the page says that int8 does not stay on the GPU"
    assert "the device was lost" in seen["fallback"]
    assert "WebAssembly took over" in seen["fallback"]
    assert seen["backend"] == "wasm"
    assert (out / "fallen-back.png").read_bytes() == (out / "automatic.png").read_bytes()


def test_drawn_prompts_step_in_where_the_runtime_does_not_load_points(site, tmp_path):
    """The manifest vouches for a file of points that no runtime loads."""
    (model,) = (path for path in (site / "bundle").iterdir() if path.is_dir())
    points, path = model / "nano_points_onnx_fp32.onnx", model / "manifest.json"
    manifest = path.read_text()
    old = hashlib.sha256(points.read_bytes()).hexdigest()
    points.write_bytes(b"no network")
    assert old in manifest
    path.write_text(manifest.replace(old, hashlib.sha256(b"no network").hexdigest()))
    seen = used(site, tmp_path / "out")
    assert seen["opened"] == ""
    assert seen["stages"] > 3


@pytest.mark.parametrize("fault", ["altered", "missing"])
def test_a_damaged_bundle_is_a_sentence(site, tmp_path, fault):
    (artifact,) = (site / "bundle").glob("*/nano_points_onnx_fp32.onnx")
    if fault == "missing":
        artifact.unlink()
    else:
        artifact.write_bytes(artifact.read_bytes() + b"x")
    wanted = {"altered": "was altered since its export", "missing": "cannot be read (HTTP 404)"}
    seen = used(site, tmp_path / "out")
    assert wanted[fault] in seen["opened"]
    assert wanted[fault] in seen["running"], "it stays when the message is gone"
