"""`squeezesam bench run --on web`: the page measures, and this machine keeps the results."""

import dataclasses
import json
import os
import shutil
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from small_networks import SIZE, run

from squeezesam.errors import ArtifactError, ConfigError, DeviceError, MissingDependencyError
from squeezesam_benchmarks import salient_subjects, web_device
from squeezesam_benchmarks.devices import BenchmarkArtifact, DeviceOptions, open_device
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import TimedFile, read_results
from squeezesam_benchmarks.salient_subjects import write_photo
from squeezesam_benchmarks.web_device import Browser, BrowserFacts, Link, served

PACKAGES = Path(os.environ.get("SQUEEZESAM_WEB_RUNTIME", ""))
FACTS = {"browser": "Test 1", "cores": 8, "isolated": True}
MEASUREMENT = {
    **{"runtime": "onnxruntime-web", "runtime_version": None, "backend": "wasm", "threads": 1},
    **{"pinned_cores": None, "load_ms": 2.0, "first_inference_ms": 3.0},
    **{"warm_samples_ms": [1.5], "pipeline_samples": [], "sustained_samples_ms": []},
    **{"peak_memory_bytes": None, "memory_kind": None},
}
PHOTO = (330, 440)
ARTIFACT = BenchmarkArtifact(Path("a.onnx"), "onnx", TimedFile("a.onnx", "0" * 64, 1))


class Page:
    """What the page does, in Python."""

    def __init__(self, port: int, token: str, name: str = "page") -> None:
        self.port, self.token, self.name = port, token, name

    def told(self, what: str, **content: object) -> object:
        body = json.dumps({"token": self.token, "page": self.name, **content}).encode()
        address = f"http://127.0.0.1:{self.port}/benchmark/{what}"
        with urllib.request.urlopen(urllib.request.Request(address, body), timeout=20) as response:
            return json.loads(response.read() or b"null")

    def serves(self, answer: dict[str, object]) -> threading.Thread:
        def work() -> None:
            while (job := self.told("ask", facts=FACTS)) is None:
                pass
            self.jobs = [job]
            self.told("answer", **answer)

        thread = threading.Thread(target=work)
        thread.start()
        return thread


@pytest.fixture
def link(tmp_path, monkeypatch):
    monkeypatch.setattr(web_device, "POLL_S", 0.05)
    (tmp_path / "index.html").write_text("page")
    link = Link()
    with served(tmp_path, link) as port:
        yield link, Page(port, link.token)


def browser(link, facts=None, backend="wasm"):
    known = BrowserFacts(**(facts or FACTS))
    return Browser(Path(), link, "http://127.0.0.1/", backend, None, known)


def test_a_page_is_asked_and_its_answer_is_a_measurement(link):
    link, page = link
    thread = page.serves({"measurement": MEASUREMENT})
    found = browser(link).measure(ARTIFACT, 2, Protocol(timed_inferences=4))
    thread.join()
    assert found.warm_samples_ms == (1.5,)
    assert link.facts(0) == BrowserFacts(**FACTS)
    (job,) = page.jobs
    assert (job["file"], job["threads"], job["backend"]) == ("a.onnx", 2, "wasm")
    assert job["protocol"]["timed_inferences"] == 4


def test_what_a_page_cannot_do_is_told(link, monkeypatch):
    link, page = link
    thread = page.serves({"error": "the runtime cannot load the segmenter"})
    with pytest.raises(ArtifactError, match="cannot load the segmenter"):
        browser(link).measure(ARTIFACT, 1, Protocol())
    thread.join()
    thread = page.serves({"measurement": {**MEASUREMENT, "load_ms": -1.0}})
    with pytest.raises(DeviceError, match="gives no measurement"):
        browser(link).measure(ARTIFACT, 1, Protocol())
    thread.join()
    for limit in ("START_LIMIT_S", "LOAD_LIMIT_S", "INFERENCE_LIMIT_S"):
        monkeypatch.setattr(web_device, limit, 0.01)
    with pytest.raises(DeviceError, match="does not answer"):
        browser(link).measure(ARTIFACT, 1, Protocol())


def test_only_the_latest_page_with_the_token_is_heard(link):
    link, page = link
    old = Page(page.port, page.token, "old")
    assert old.told("ask", facts=FACTS) is None
    thread = page.serves({"measurement": MEASUREMENT})
    assert browser(link).measure(ARTIFACT, 1, Protocol()).load_ms == 2
    thread.join()
    for stranger, content, status in (
        (Page(page.port, "0" * 16), {"facts": FACTS}, 403),
        (page, {"facts": {"browser": 1}}, 400),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            stranger.told("ask", **content)
        assert refused.value.code == status
        refused.value.close()


def test_a_browser_that_leaves_is_no_trouble(link, capfd):
    link, page = link
    body = json.dumps({"token": page.token, "page": "gone", "facts": FACTS}).encode()
    head = f"POST /benchmark/ask HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", page.port)) as connection:
        at_once = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        connection.sendall(head.encode() + body)
        while link.facts(0) is None:
            time.sleep(0.001)
    for _ in range(3):
        assert page.told("ask", facts=FACTS) is None
    assert capfd.readouterr().err == ""


def test_threads_are_those_that_the_browser_gives(link):
    link, _ = link
    isolated = browser(link)
    assert isolated.default_threads == (1, 4)
    isolated.check_threads([1, 8])
    for single in (browser(link, {**FACTS, "isolated": False}), browser(link, backend="webgpu")):
        assert single.default_threads == (1,)
        with pytest.raises(ConfigError, match="give 1 to 1"):
            single.check_threads([2])
    for wrong in ((), (None,), (0,), (9,)):
        with pytest.raises(ConfigError, match="give 1 to 8"):
            isolated.check_threads(wrong)
    assert isolated.facts.browser == "Test 1"
    assert not isolated.takes(BenchmarkArtifact(Path("a.pte"), "executorch", ARTIFACT.artifact))


def test_options_that_mean_nothing_are_refused():
    for options, said in (
        (DeviceOptions(cpu="x"), "--cpu x is not for --on web"),
        (DeviceOptions(app=True), "--app is not for --on web"),
        (DeviceOptions(compute_units="ane"), "choose from wasm, webgpu"),
        (DeviceOptions(device="phone"), "--device phone is no browser"),
    ):
        with pytest.raises(ConfigError, match=said), open_device("web", options):
            pass


def test_a_missing_runtime_is_told_with_the_option_that_names_it(tmp_path):
    options = DeviceOptions(runners=tmp_path)
    wanted = pytest.raises(MissingDependencyError, match="node_modules folder with --runners")
    with wanted, open_device("web", options):
        pass


@pytest.mark.web
@pytest.mark.slow
@pytest.mark.skipif(
    not (PACKAGES / "onnxruntime-web").is_dir(),
    reason="SQUEEZESAM_WEB_RUNTIME names no node_modules folder with onnxruntime-web",
)
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_chromium_times_all_networks_of_a_bundle(
    weights, detector_weights, shared, tmp_path, capsys, monkeypatch
):
    bundle = shared.export(
        *("--target", "onnx", "--precision", "fp32", "--size", SIZE, "--weights", weights),
        *("--detector", detector_weights, "--detector-size", 64, "--prompts", "tensors,points"),
    )
    out = tmp_path / "results.jsonl"
    words = ("--on", "web", "--artifacts", bundle, "--runners", PACKAGES, "--threads", 1)
    short = ("--rounds", 1, "--iterations", 3, "--warm-up", 1, "--pipelines", 1)
    assert run("bench", "run", *words, *short, "--out", out) == 0
    results = read_results(out)
    assert len(results) == 3
    for result in results:
        measurement = result.measurement
        assert result.device.place == "web"
        assert "Chrom" in result.device.browser
        assert (measurement.runtime, measurement.runtime_version) == ("onnxruntime-web", "1.30.0")
        assert (measurement.backend, measurement.threads) == ("wasm", 1)
        assert len(measurement.warm_samples_ms) == 3
        assert len(measurement.pipeline_samples) == (result.artifact.variant != "saliency")
        assert measurement.load_ms > 0
    assert "(web)" in capsys.readouterr().out

    monkeypatch.setattr(salient_subjects, "PHOTO_SIZE", PHOTO)
    monkeypatch.setattr(salient_subjects, "write_photo", lambda folder: write_photo(folder, PHOTO))
    masks = tmp_path / "masks.jsonl"
    assert run("bench", "salient", *words, "--precision", "fp32", *short, "--out", masks) == 0
    assert "later click ms" in capsys.readouterr().out
    names = {result.artifact.name: result for result in read_results(masks)}
    assert set(names) == {"nano_onnx_fp32.onnx", "nano_points_onnx_fp32.onnx"}
    for result in names.values():
        assert result.detector is not None
        (sample,) = result.measurement.pipeline_samples
        assert min(dataclasses.astuple(sample)) > 0
        assert len(result.measurement.warm_samples_ms) == 3


def test_only_exports_are_timed_in_a_browser(capsys):
    """Nor are automatic masks timed on a phone."""
    files = ("--model", "a.onnx", "--detector", "b.onnx")
    assert run("bench", "salient", "--on", "web", *files) == 2
    assert "name it with --artifacts" in capsys.readouterr().err
    assert run("bench", "salient", "--on", "ios", "--artifacts", "a") == 2
    assert "not timed --on ios; choose from host, web" in capsys.readouterr().err
