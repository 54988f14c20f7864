"""The iPhone as a device, driven whole through stand-ins for Apple's and pymobiledevice3's tools.

No iPhone, Mac or Xcode was there: every reply of theirs is synthetic, see tests/ios_stand_in.
"""

import dataclasses
import json
import os
import plistlib
import re
import sys
from pathlib import Path

import pytest
from small_networks import run
from test_manifest import ARTIFACT, with_artifacts

from squeezesam_benchmarks.devices import DEVICE_MODULES
from squeezesam_benchmarks.ios import app
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import (
    SCHEMA_VERSION,
    Condition,
    DeviceFacts,
    Measurement,
    Result,
    TimedFile,
    read_results,
)
from squeezesam_export.bundle.artifacts import sha256_of, size_of
from squeezesam_export.bundle.manifest import write_manifest
from squeezesam_export.targets.table import TARGETS

STAND_IN = Path(__file__).parent / "ios_stand_in"
DEMO = Path(__file__).parent.parent / "ios_demo"
SWIFT = DEMO / "App" / "SqueezeSAMDemo" / "Benchmark"
KIT = DEMO / "SqueezeSAMKit" / "Sources" / "SqueezeSAMKit"
MODELS = {"xcrun": "iPhone 15 Pro", "pymobiledevice3": "iPhone16,1"}
"""Of the same phone, as each tool names it."""

UDID = "00000000-000000000000A001"
QUICK = ("--rounds", 1, "--iterations", 3, "--warm-up", 0, "--thermal-gate", 0)
ONLY_OF_THE_HARNESS = {
    "pipeline_runs",
    "photo_width_px",
    "photo_height_px",
    "rounds",
    "cool_down_s",
    "thermal_gate_s",
}
"""Fields of the protocol that the app has no use for."""


@pytest.fixture
def exported(tmp_path):
    """An export directory whose files nobody here could load, so that nobody does."""
    out = tmp_path / "exported"
    write_export(out, ("onnx", "fp32"), ("coreml", "fp16"), ("coreml", "fp32"))
    return out


def write_export(out, *artifacts):
    listed = []
    for target, precision in artifacts:
        path = out / f"nano_{target}_{precision}{TARGETS[target].suffix}"
        path.mkdir(parents=True)
        (path / "Manifest.json").write_text("{}")
        described = {"sha256": sha256_of(path), "size_bytes": size_of(path)}
        file = dataclasses.replace(ARTIFACT.graphs[0], file=path.name, **described)
        changes = {"target": target, "precision": precision, "graphs": (file,)}
        changes["measured_with"] = TARGETS[target].runs_on
        listed.append(dataclasses.replace(ARTIFACT, **changes))
    write_manifest(with_artifacts(listed), out)


@pytest.fixture
def built(tmp_path):
    """What Xcode would have built, as far as the harness looks into it."""
    path = tmp_path / "SqueezeSAMDemo.app"
    path.mkdir()
    described = {"CFBundleIdentifier": "org.squeezesam.benchmark.TEAM"}
    (path / "Info.plist").write_bytes(plistlib.dumps(described))
    (path / "embedded.mobileprovision").write_bytes(b"synthetic")
    return path


class Bench:
    """`squeezesam bench run --on ios` with one tool on PATH and one fault."""

    def __init__(self, tool, folder, exported, built, monkeypatch, capsys):
        self.tool = tool
        self.state = folder / "state"
        self.results = folder / "results.jsonl"
        self.words = ("--artifacts", exported, "--out", self.results, "--runners", built, *QUICK)
        self.capsys = capsys
        self.state.mkdir()
        tools = folder / "bin"
        tools.mkdir()
        (tools / "python3").symlink_to(sys.executable)
        if tool:
            (tools / tool).symlink_to(STAND_IN / tool)
        monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin")
        monkeypatch.setenv("IOS_STAND_IN", str(self.state))

    def run(self, *words, fault="none", **details):
        """The exit status and what went to standard error."""
        (self.state / "fault.json").write_text(json.dumps({"name": fault, **details}))
        status = run("bench", "run", "--on", "ios", *self.words, *words)
        return status, self.capsys.readouterr().err

    def error(self, *words, fault="none", **details):
        """The one line that it ends with; its progress is left out."""
        status, said = self.run(*words, fault=fault, **details)
        assert status == 2, said
        (line,) = [line for line in said.splitlines() if not line.startswith("[")]
        return line

    @property
    def calls(self):
        lines = (self.state / "calls.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def times(self, word):
        """How many calls have a word."""
        return sum(word in call for call in self.calls)

    @property
    def left(self):
        return list((self.state / "container" / app.FOLDER).glob("*"))


@pytest.fixture(params=MODELS)
def bench(request, tmp_path, exported, built, monkeypatch, capsys):
    return Bench(request.param, tmp_path, exported, built, monkeypatch, capsys)


@pytest.fixture
def on_mac(tmp_path, exported, built, monkeypatch, capsys):
    return Bench("xcrun", tmp_path, exported, built, monkeypatch, capsys)


@pytest.fixture
def on_linux(tmp_path, exported, built, monkeypatch, capsys):
    return Bench("pymobiledevice3", tmp_path, exported, built, monkeypatch, capsys)


def test_every_package_is_measured_in_every_round_and_nothing_is_left(bench):
    status, said = bench.run("--rounds", 2, "--compute-units", "cpuAndNeuralEngine")
    assert status == 0, said
    results = read_results(bench.results)
    names = [result.artifact.name for result in results]
    assert sorted(set(names)) == ["nano_coreml_fp16.mlpackage", "nano_coreml_fp32.mlpackage"]
    assert len(results) == 4
    for result in results:
        assert result.device.place == "ios"
        assert result.device.os == "iOS 18.1"
        assert result.device.model == MODELS[bench.tool]
        assert result.device.cores is None
        assert result.measurement.runtime == "coreml"
        assert result.measurement.backend == "CoreML cpuAndNeuralEngine"
        assert result.measurement.threads is None
        assert len(result.measurement.warm_samples_ms) == 3
        assert result.measurement.before.thermal_state == "nominal"
        assert result.measurement.after.thermal_state == "fair", "of the app, not asked for later"
    assert bench.left == []
    assert bench.times("compile") == 2, "once for each package"
    assert bench.times("run") == 4, "a process for each measurement"
    assert bench.times("clean") == 2, "before and after"


def test_the_listing_of_xcode_27_is_read_and_the_container_never_emptied_by_devicectl(on_mac):
    assert on_mac.run(fault="version-5")[0] == 0
    assert {result.device.os for result in read_results(on_mac.results)} == {"iOS 27.0"}
    for call in on_mac.calls:
        assert "--json-output" in call
        assert "--remove-existing-content" not in call


def test_one_of_several_is_chosen_by_its_udid(bench):
    assert bench.run("--device", UDID.lower(), fault="several")[0] == 0
    assert {result.measurement.backend for result in read_results(bench.results)} == {"CoreML all"}


@pytest.mark.parametrize(
    ("fault", "cause", "mend"),
    [
        ("no-phone", "no iPhone is connected", "connect one by cable"),
        ("several", "several iPhones", UDID),
        ("not-paired", "paired with this computer|does not trust this computer", "answer Trust"),
        ("developer-mode-off", "Developer Mode is off", "Settings > Privacy & Security"),
        ("locked", "the iPhone is locked", "unlock it"),
        ("locked-at-launch", "the iPhone is locked", "unlock it"),
        ("no-tunnel", "no tunnel to the iPhone", "remote tunneld|plug it in again"),
        ("no-developer-services", "developer services do not start", "mounter auto-mount"),
        ("unsigned", "not signed for this iPhone", "build it again"),
        ("untrusted-developer", "does not trust the developer", "VPN & Device Management"),
        ("full", "the iPhone is full", "free some storage"),
        ("hot", "still says thermal state 'serious'", "longer --thermal-gate"),
        ("unheard-of", "Something that nobody has seen yet;", "try again"),
    ],
)
def test_a_refusal_is_one_line_with_its_cause_and_its_mend(bench, fault, cause, mend):
    line = bench.error(fault=fault)
    assert re.search(cause, line), line
    assert re.search(mend, line), line
    assert "may be left" not in line
    assert bench.left == []
    assert not bench.results.exists()


def test_an_unknown_udid_names_those_that_are_there(bench):
    line = bench.error("--device", "nobody")
    assert "nobody" in line
    assert UDID in line


def test_without_xcode_devicectl_is_missed(on_mac):
    assert "install Xcode 15 or later" in on_mac.error(fault="no-devicectl")


def test_without_usbmuxd_it_is_named(on_linux):
    assert "usbmuxd does not run" in on_linux.error(fault="no-usbmuxd")


def test_an_ios_that_pymobiledevice3_cannot_launch_on_is_refused(on_linux):
    line = on_linux.error(fault="old-ios")
    assert "iOS 16.7" in line
    assert "or a Mac" in line


def test_without_any_tool_both_are_named(tmp_path, exported, built, monkeypatch, capsys):
    line = Bench(None, tmp_path, exported, built, monkeypatch, capsys).error()
    assert "Xcode 15" in line
    assert "pip install pymobiledevice3" in line


def test_an_app_without_a_profile_is_refused_before_any_phone_is_asked(on_mac, built):
    (built / "embedded.mobileprovision").unlink()
    assert "has no provisioning profile" in on_mac.error()
    assert not (on_mac.state / "calls.jsonl").exists()


def test_an_app_that_is_not_built_is_told_how_to_build(on_mac, tmp_path):
    line = on_mac.error("--runners", tmp_path / "nothing.app")
    assert "ios_demo/README.md" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cpu", "max"), "--cpu max"),
        (("--threads", "2"), "--threads 2"),
        (("--compute-units", "npu"), "cpuAndNeuralEngine"),
    ],
)
def test_options_that_core_ml_has_not_are_refused(on_mac, words, said):
    assert said in on_mac.error(*words)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("crash", "the app crashed, or iOS ended it"),
        ("crash-told-as-failure", "the app crashed, or iOS ended it"),
        ("app-error", "takes pixel format 42"),
        ("no-compile", "Core ML does not read it"),
        ("hang", "the app hung"),
    ],
)
def test_a_package_that_fails_leaves_the_others_timed_and_nothing_behind(
    bench, fault, said, monkeypatch
):
    monkeypatch.setattr(Protocol, "longest_s", lambda *_: 2.0)
    artifact = "nano_coreml_fp16"
    line = bench.error(fault=fault, artifact=artifact)
    assert f"timing {artifact}.mlpackage on Desk phone failed" in line
    assert said in line
    if fault != "app-error":
        names = [result.artifact.name for result in read_results(bench.results)]
        assert names == ["nano_coreml_fp32.mlpackage"]
    assert bench.left == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("crash-at-start", "the app wrote nothing"),
        ("damaged", "did not arrive whole"),
        ("old-app", "lacks memory_kind; build it again"),
    ],
)
def test_an_app_that_does_not_answer_ends_the_run(bench, fault, said):
    assert said in bench.error(fault=fault)
    assert bench.left == []


def test_results_taken_before_the_phone_vanished_stay(bench):
    line = bench.error(fault="gone", after_runs=2)
    assert "the iPhone is gone" in line
    assert "copied files may be left in the app on Desk phone" in line
    assert len(read_results(bench.results)) == 1


def test_what_a_lost_phone_kept_is_removed_by_the_next_run(bench):
    bench.error(fault="gone", after_runs=2)
    assert bench.left != []
    assert bench.run()[0] == 0
    assert bench.left == []


# subprocess.run kills the tool that it was waiting for, and waits no more than 0.25 s for its end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_run_leaves_nothing_behind(bench):
    status, _ = bench.run(fault="interrupt", signal="SIGINT")
    assert status == 130
    assert bench.left == []


def test_a_terminated_run_leaves_nothing_behind(on_mac):
    with pytest.raises(SystemExit):
        on_mac.run(fault="interrupt", signal="SIGTERM")
    assert on_mac.times("clean") == 2
    assert on_mac.left == []


@pytest.mark.parametrize("elsewhere", sorted(DEVICE_MODULES.keys() - {"ios", "web"}))
def test_compute_units_are_refused_elsewhere(elsewhere, exported, capsys):
    words = ("--artifacts", exported, "--compute-units", "all")
    assert run("bench", "run", "--on", elsewhere, *words) == 2
    assert f"--compute-units all is not for --on {elsewhere};" in capsys.readouterr().err


def test_a_directory_without_packages_is_refused_and_the_app_not_installed(on_mac, tmp_path):
    out = tmp_path / "for_android"
    write_export(out, ("onnx", "fp32"))
    assert "nothing in" in on_mac.error("--artifacts", out)
    assert on_mac.times("install") == 0


def swift_fields(struct, file="Records.swift"):
    """Names of a Swift struct's stored properties as its coder writes them, in snake case."""
    source = (SWIFT / file).read_text()
    (body,) = re.findall(rf"^struct {struct}: \w+ \{{\n(.*?)^\}}", source, re.MULTILINE | re.DOTALL)
    names = re.findall(r"^    (?:let|var) `?(\w+)`?", body, re.MULTILINE)
    return {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in names}


def fields(record):
    return {field.name for field in dataclasses.fields(record)}


def test_the_app_reads_the_job_that_is_written():
    assert swift_fields("Job") == fields(app.AppJob)
    assert swift_fields("ProcessProtocol") == fields(Protocol) - ONLY_OF_THE_HARNESS


def test_the_app_writes_the_records_that_are_read():
    assert swift_fields("Compiled") == fields(app.Compiled)
    assert swift_fields("Condition") == fields(Condition) - {"temperature_celsius"}
    assert swift_fields("Measurement") == fields(Measurement) - {"emulation"}
    assert swift_fields("Failure") == {"error"}


def test_the_benchmark_screen_writes_lines_of_results():
    file = "ResultLines.swift"
    assert swift_fields("ResultLine", file) == fields(Result)
    assert swift_fields("WholeProtocol", file) == fields(Protocol)
    assert swift_fields("Device", file) == fields(DeviceFacts)
    assert swift_fields("TimedArtifact", file) == fields(TimedFile)
    source = (SWIFT / file).read_text()
    assert f"let schemaVersion = {SCHEMA_VERSION}\n" in source


def test_the_app_knows_the_words_and_compute_units_of_the_harness():
    launched = (SWIFT / "Verb.swift").read_text()
    verbs = re.findall(r'case \("(\w+)", \d\)', launched)
    assert verbs == [app.CLEAN, app.CONDITION, app.COMPILE, app.RUN]
    runtime = (KIT / "CoreMLRuntime.swift").read_text()
    assert tuple(re.findall(r"^ +case (\w+)$", runtime, re.MULTILINE)) == app.COMPUTE_UNITS
    folder = (SWIFT / "Folder.swift").read_text()
    (name,) = re.findall(r'appendingPathComponent\("(\w+)", isDirectory', folder)
    assert f"Documents/{name}" == app.FOLDER


@pytest.mark.swift
def test_the_swift_sources_parse():
    swift = pytest.importorskip("tree_sitter_swift", reason="tree-sitter-swift is not installed")
    tree_sitter = pytest.importorskip("tree_sitter", reason="tree-sitter is not installed")
    parser = tree_sitter.Parser(tree_sitter.Language(swift.language()))
    for file in SWIFT.glob("*.swift"):
        assert not parser.parse(file.read_bytes()).root_node.has_error, file.name
