"""Phones over adb: the real client against a test device, with the faults that phones have."""

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import adb_device
import pytest
from adb_device import AdbDevice
from adb_services import RefusedError
from bench_results import run_of
from sharing import Shared
from small_networks import SIZE, run
from test_manifest import ARTIFACT, with_artifacts

from squeezesam.errors import MissingDependencyError
from squeezesam.spec import SEGMENTER
from squeezesam_benchmarks import interleaving
from squeezesam_benchmarks.android.adb import Adb, AdbAnswer
from squeezesam_benchmarks.android.facts import (
    android_condition,
    core_count,
    cores_of,
    zone_temperature,
)
from squeezesam_benchmarks.android.folder import private_folder
from squeezesam_benchmarks.devices import BenchmarkArtifact
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import (
    Condition,
    Measurement,
    Result,
    TimedFile,
    read_results,
)
from squeezesam_export.bundle.artifacts import sha256_of
from squeezesam_export.bundle.manifest import read_manifest, write_manifest

pytestmark = pytest.mark.android

HEALTHY = Condition("none", 41.5, 83.0, charging=True, power_mode="normal")
MEASURED = Measurement(
    runtime="stand-in for a runner",
    runtime_version=None,
    backend="none",
    threads=1,
    pinned_cores=None,
    load_ms=None,
    first_inference_ms=None,
    warm_samples_ms=(1.0,),
    pipeline_samples=(),
    sustained_samples_ms=(),
    peak_memory_bytes=None,
    memory_kind=None,
)
RUNNER = f"""#!/bin/sh
case "$*" in
*crash*) kill -SEGV $$;;
*garbage*) echo warming up;;
*refused*) echo first >&2; echo "no such operator: Foo" >&2; exit 1;;
*slow*) while :; do sleep 0.2; done;;
esac
echo '{json.dumps(dataclasses.asdict(MEASURED))}'
"""


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A server of our own, beside one that may be running here."""
    if shutil.which("adb") is None:
        pytest.skip("adb is not installed; apt-get install adb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        with pytest.MonkeyPatch.context() as for_its_key:
            for_its_key.setenv("HOME", str(tmp_path_factory.mktemp("home")))
            adb_device.adb("start-server")
        yield
        adb_device.adb("kill-server")


@pytest.fixture
def device(adb_server: None, tmp_path: Path) -> Iterator[AdbDevice]:  # noqa: ARG001 - its environment
    with adb_device.connected(tmp_path / "device") as one:
        yield one


@pytest.fixture(scope="session")
def runners(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runners")
    (folder / "squeezesam_runner_onnxruntime").write_text(RUNNER)
    return folder


def write_export(folder: Path, described: Sequence[BenchmarkArtifact]) -> Path:
    """An export directory of artifacts that lie in the folder."""
    artifacts = []
    for subject in described:
        file = dataclasses.replace(
            ARTIFACT.graphs[0],
            file=subject.path.name,
            sha256=sha256_of(subject.path),
            size_bytes=subject.path.stat().st_size,
            io_dtypes=dict(subject.io_dtypes),
        )
        artifacts.append(dataclasses.replace(ARTIFACT, target=subject.target, graphs=(file,)))
    write_manifest(with_artifacts(artifacts, SIZE), folder)
    return folder


def export(folder: Path, *names: str) -> Path:
    """An export directory whose artifacts are for the stand-in runner."""
    folder.mkdir()
    floats = tuple((name, "float32") for way in SEGMENTER.names() for name in way)
    subjects = []
    for name in names:
        path = folder / f"{name}.onnx"
        path.write_bytes(name.encode() * 100_000)
        subjects.append(
            BenchmarkArtifact(path, "onnx", TimedFile(path.name, "", 0), io_dtypes=floats)
        )
    return write_export(folder, subjects)


class Bench:
    """`squeezesam bench run --on android`, with what it printed and kept."""

    def __init__(self, folder: Path, runners: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.runners, self.capsys = folder, runners, capsys
        self.out = folder / "results.jsonl"

    def words(self, artifacts: Path, *more: object) -> list[object]:
        words = ["bench", "run", "--on", "android", "--artifacts", artifacts, "--rounds", 1]
        return [*words, "--runners", self.runners, "--out", self.out, *more]

    def __call__(self, artifacts: Path, *more: object) -> int:
        self.capsys.readouterr()
        status = run(*self.words(artifacts, *more))
        said = self.capsys.readouterr().err
        self.said = said.splitlines()
        self.errors = [line for line in self.said if line.startswith("squeezesam bench: ")]
        assert "Traceback" not in said
        return status

    @property
    def results(self) -> list[Result]:
        return read_results(self.out) if self.out.exists() else []


@pytest.fixture
def bench(tmp_path: Path, runners: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, runners, capsys)


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    return export(tmp_path / "artifacts", "one", "two")


def left_on(device: AdbDevice, within_s: float = 5) -> list[object]:
    """Files and processes on the device once its shells had time to end."""
    deadline = time.monotonic() + within_s
    while (left := [*device.files.iterdir(), *device.running]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def once(matching: str, fault: object) -> object:
    """A plan of `before_shell`: the fault comes at the first command with such words."""
    waiting = [matching]

    def plan(command: str) -> None:
        if waiting and waiting[0] in command:
            waiting.clear()
            fault()  # type: ignore[operator]

    return plan


def test_the_real_client_takes_the_test_device_for_a_phone(
    device: AdbDevice, tmp_path: Path
) -> None:
    adb = Adb(device.serial)
    script = "echo $((6 * 7)); printf oops >&2; exit 7"
    assert adb.shell(script) == AdbAnswer("42\n", "oops", 7)
    if shutil.which("mksh"):
        assert "MIRBSD KSH" in adb.said("echo $KSH_VERSION")
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(os.urandom(300_000))
    adb.push([sent], "/data/local/tmp")
    assert adb.call(["ls", "/data/local/tmp"]).endswith(" sent\n")
    adb.call(["pull", "/data/local/tmp/sent", str(back)])
    assert back.read_bytes() == sent.read_bytes()


def test_results_tell_the_device_and_its_state(
    bench: Bench, artifacts: Path, device: AdbDevice
) -> None:
    assert bench(artifacts) == 0
    assert sorted(one.artifact.name for one in bench.results) == ["one.onnx", "two.onnx"]
    for result in bench.results:
        assert result.device.place == "android"
        assert result.device.model == "SqueezeSAM test device, emulated ARM64"
        assert result.device.soc == "QEMU user-mode emulation"
        assert result.device.cpu == "1x Cortex-A76"
        assert result.device.cores == 1
        assert result.device.os == "Android 0 (none: emulated) (API 0)"
        assert result.measurement == dataclasses.replace(MEASURED, before=HEALTHY, after=HEALTHY)
    assert left_on(device) == []


def test_a_runner_that_fails_leaves_the_others_their_results(
    bench: Bench, tmp_path: Path, device: AdbDevice
) -> None:
    broken = export(tmp_path / "broken", "crash", "garbage", "good", "refused")
    assert bench(broken) == 2
    assert [one.artifact.name for one in bench.results] == ["good.onnx"]
    (error,) = bench.errors
    assert "timing crash.onnx crashed squeezesam_runner_onnxruntime (Segmentation fault)" in error
    assert "timing garbage.onnx: the runner printed no measurement" in error
    assert "timing refused.onnx failed with status 1: no such operator: Foo" in error
    assert left_on(device) == []


def test_a_connection_that_drops_while_pushing(
    bench: Bench, artifacts: Path, device: AdbDevice
) -> None:
    def drop(path: str, _: int) -> None:
        if "two" in path:
            device.drop_connections()

    device.before_piece = drop
    assert bench(artifacts) == 2
    (error,) = bench.errors
    assert device.serial in error
    assert left_on(device) == []
    assert bench.results == []


def test_a_connection_that_drops_in_the_run_keeps_what_was_measured(
    bench: Bench, tmp_path: Path, device: AdbDevice
) -> None:
    mixed = export(tmp_path / "mixed", "one", "slow")

    def drop_soon() -> None:
        threading.Timer(0.5, device.drop_connections).start()

    device.before_shell = once("slow", drop_soon)  # type: ignore[assignment]
    assert bench(mixed, "--rounds", 2) == 2
    (error,) = bench.errors
    assert "lost its connection" in error
    assert {one.artifact.name for one in bench.results} <= {"one.onnx"}
    assert left_on(device) == []


def test_a_device_that_vanishes_cleans_up_behind_itself(
    bench: Bench, artifacts: Path, device: AdbDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squeezesam_benchmarks.android.adb.RETURN_LIMIT_S", 1)
    runs = []

    def vanish_at_the_second(command: str) -> None:
        if "./squeezesam_runner" in command:
            runs.append(command)
            if len(runs) == 2:
                device.vanish()

    device.before_shell = vanish_at_the_second
    assert bench(artifacts) == 2
    (error,) = bench.errors
    assert device.serial in error
    assert any("shell rm -rf /data/local/tmp/squeezesam-" in line for line in bench.said)
    assert len(bench.results) == 1
    assert left_on(device) == []


def test_a_measurement_is_kept_where_the_device_goes_right_after_it(
    bench: Bench, artifacts: Path, device: AdbDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squeezesam_benchmarks.android.adb.RETURN_LIMIT_S", 1)
    asked = []

    def vanish_at_the_second(command: str) -> None:
        if "thermalservice" in command:
            asked.append(command)
            if len(asked) == 2:
                device.vanish()

    device.before_shell = vanish_at_the_second
    assert bench(artifacts) == 2
    (result,) = bench.results
    assert (result.measurement.before, result.measurement.after) == (HEALTHY, Condition())


def test_a_runner_that_hangs_is_given_up_on_and_killed(
    bench: Bench, tmp_path: Path, device: AdbDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "longest_s", lambda *_: 1.0)
    assert bench(export(tmp_path / "hanging", "slow")) == 2
    (error,) = bench.errors
    assert f"`adb -s {device.serial} shell` did not end within 1 s" in error
    assert left_on(device) == []


def test_a_program_that_a_device_lacks_is_told(
    bench: Bench, artifacts: Path, device: AdbDevice
) -> None:
    lacking = device.bin / "sha256sum"
    lacking.write_text("#!/bin/sh\necho sh: sha256sum: not found >&2\nexit 127\n")
    lacking.chmod(0o755)
    assert bench(artifacts) == 2
    (error,) = bench.errors
    assert error.endswith("refuses: sh: sha256sum: not found")
    assert left_on(device) == []


def test_what_a_device_without_power_keeps_is_removed_by_the_next_run(
    bench: Bench, artifacts: Path, device: AdbDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squeezesam_benchmarks.android.adb.RETURN_LIMIT_S", 1)
    device.before_shell = once("./squeezesam_runner", device.lose_power)  # type: ignore[assignment]
    assert bench(artifacts) == 2
    (left,) = device.files.iterdir()
    device.come_back()
    assert bench(artifacts) == 0
    assert any(f"removed {left.name} of an earlier run" in line for line in bench.said)
    assert len(bench.results) == 2
    assert left_on(device) == []


def test_the_folder_of_a_run_that_is_under_way_stays(
    bench: Bench, artifacts: Path, device: AdbDevice
) -> None:
    with private_folder(Adb(device.serial), print) as folder:
        assert bench(artifacts) == 0
        assert [path.name for path in device.files.iterdir()] == [Path(folder).name]
    assert left_on(device) == []


def test_a_full_device(bench: Bench, artifacts: Path, device: AdbDevice) -> None:
    def full(path: str, at: int) -> None:
        if "two" in path and at > 0:
            raise RefusedError("No space left on device")

    device.before_piece = full
    assert bench(artifacts) == 2
    (error,) = bench.errors
    assert error.endswith("is full; make room on its /data")
    assert left_on(device) == []


def test_bytes_that_change_on_their_way(bench: Bench, artifacts: Path, device: AdbDevice) -> None:
    def alter(command: str) -> None:
        if "sha256sum" in command:
            (arrived,) = device.files.glob("*/two.onnx")
            arrived.write_bytes(b"other")

    device.before_shell = alter
    assert bench(artifacts) == 2
    (error,) = bench.errors
    assert "two.onnx arrived altered" in error
    assert left_on(device) == []


def test_two_devices_are_listed_and_one_is_chosen(
    bench: Bench, artifacts: Path, device: AdbDevice, tmp_path: Path
) -> None:
    with adb_device.connected(tmp_path / "another") as another:
        assert bench(artifacts) == 2
        (error,) = bench.errors
        assert "name one with --device" in error
        for one in (device, another):
            assert f"{one.serial} (test_device__emulated_ARM64)" in error
            assert one.commands == []
        assert bench(artifacts, "--device", another.serial) == 0
        assert device.commands == []
        assert bench(artifacts, "--device", "elsewhere") == 2
        assert "no device elsewhere is connected; --device takes one of" in bench.errors[0]
        assert device.serial in bench.errors[0]


@pytest.mark.usefixtures("adb_server")
def test_a_phone_that_does_not_trust_this_computer(
    bench: Bench, artifacts: Path, tmp_path: Path
) -> None:
    with adb_device.connected(tmp_path / "stranger", authorized=False) as stranger:
        assert bench(artifacts) == 2
        assert bench.errors == [
            f"squeezesam bench: device {stranger.serial} does not trust this computer; unlock the "
            "phone and accept its dialog"
        ]


@pytest.mark.usefixtures("adb_server")
def test_no_device(bench: Bench, artifacts: Path) -> None:
    assert bench(artifacts) == 2
    assert "no Android device is connected" in bench.errors[0]


def test_no_adb(bench: Bench, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert bench(artifacts) == 2
    assert "adb is not installed; apt-get install adb" in bench.errors[0]


def test_options_of_other_devices_are_refused(bench: Bench, artifacts: Path) -> None:
    for option, value in (("--cpu", "cortex-a76"), ("--compute-units", "all")):
        assert bench(artifacts, option, value) == 2
        assert f"{option} {value} is not for --on android" in bench.errors[0]


def test_missing_runners_are_told_with_the_way_to_build_them(
    bench: Bench, artifacts: Path, device: AdbDevice, tmp_path: Path
) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        bench.runners = folder
        assert bench(artifacts) == 2
        assert "CMake's preset android-arm64" in bench.errors[0]
    assert left_on(device) == []


def test_more_threads_than_cores_are_refused(
    bench: Bench, artifacts: Path, device: AdbDevice
) -> None:
    assert bench(artifacts, "--threads", "2") == 2
    assert "threads=2 cannot be pinned on the device; give 1 to 1" in bench.errors[0]
    assert left_on(device) == []


def test_a_hot_device_is_waited_for(
    bench: Bench, artifacts: Path, device: AdbDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interleaving, "GATE_POLL_S", 0.01)
    cooling = iter([3, 2, 1])
    device.thermal_status = lambda: next(cooling, 0)
    assert bench(artifacts) == 0
    assert {one.measurement.before.thermal_state for one in bench.results} == {"none"}


def test_a_device_that_stays_hot_is_given_up_on(
    bench: Bench, artifacts: Path, device: AdbDevice
) -> None:
    device.thermal_status = lambda: 3
    assert bench(artifacts, "--thermal-gate", 0) == 2
    assert "still says thermal state 'severe'" in bench.errors[0]
    assert left_on(device) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_when_the_run_is_interrupted(
    number: signal.Signals, bench: Bench, tmp_path: Path, device: AdbDevice
) -> None:
    slow = export(tmp_path / "slow", "slow")
    running = threading.Event()
    device.before_shell = lambda command: running.set() if "slow" in command else None
    words = [sys.executable, "-m", "squeezesam", *map(str, bench.words(slow))]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert running.wait(60)
    time.sleep(0.5)
    assert "slow.onnx" in {path.name for path in device.files.glob("*/*")}
    process.send_signal(number)
    said = process.communicate(timeout=30)[1]
    assert "Traceback" not in said
    wanted = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
    assert process.returncode == wanted[number]
    assert left_on(device) == []


def test_cores_are_counted_and_named() -> None:
    assert core_count("0-3,7") == 5
    assert core_count("") is None
    info = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd46\n\n"
    other = "processor\t: 1\nCPU implementer\t: 0x99\nCPU part\t: 0x00a\n"
    assert cores_of(info * 3 + other) == "3x Cortex-A510 + 1x 0x99/0x00a"
    assert cores_of("") is None


def test_what_a_device_does_not_say_is_unknown(device: AdbDevice) -> None:
    adb = Adb(device.serial)
    adb.said("true")
    for program in ("dumpsys", "settings", "getprop"):
        (device.bin / program).write_text("#!/bin/sh\nexit 1\n")
    device.write_answers = lambda: None  # type: ignore[method-assign]
    assert android_condition(adb) == Condition()


def test_zones_of_the_processor_are_told_from_others() -> None:
    zones = "battery 99000\ncpu-0-0-usr 41200\nmtktscpu 42300\nmodem\n\n"
    assert zone_temperature(zones) == pytest.approx(42.3)
    assert zone_temperature("battery 99000\n") is None


APP = """#!{python}
import pathlib, sys
folder = pathlib.Path("{folder}/Android/data/org.squeezesam.demo/files")
with open("{log}", "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[1] == "start":
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.jsonl").write_text({results!r})
    (folder / "state.txt").write_text({state!r})
"""


class App:
    """A stand-in for the demo app on a test device: what it answers is told before."""

    def __init__(self, device: AdbDevice) -> None:
        self.device, self.log = device, device.folder / "am.log"
        self.program("pm", "#!/bin/sh\n")
        self.program("pidof", "#!/bin/sh\nexit 1\n")

    def program(self, name: str, text: str) -> None:
        (self.device.bin / name).write_text(text)
        (self.device.bin / name).chmod(0o755)

    def answers(self, results: str, state: str = "done\n") -> None:
        names = {"python": sys.executable, "folder": self.device.folder, "log": self.log}
        self.program("am", APP.format(**names, results=results, state=state))

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def app(device: AdbDevice) -> App:
    return App(device)


def app_line(artifacts: Path, **changes: object) -> str:
    """A line as the app writes it for the only artifact of an export."""
    (artifact,) = read_manifest(artifacts).networks[0].artifacts
    made = dataclasses.replace(MEASURED, threads=2, **changes)
    file = artifact.graphs[0]
    (result,) = run_of([made], file.file, sha256=file.sha256)
    return json.dumps(dataclasses.asdict(result)) + "\n"


def bench_app(out: Path, artifacts: Path, *more: object) -> int:
    words = ["bench", "run", "--on", "android", "--app", "--artifacts", artifacts]
    return run(*words, "--threads", 2, "--rounds", 1, "--out", out, *more)


def test_the_app_times_what_it_ships(app: App, tmp_path: Path) -> None:
    artifacts = export(tmp_path / "artifacts", "one")
    app.answers(app_line(artifacts, warm_samples_ms=(3.0, 4.0)))
    assert bench_app(tmp_path / "results.jsonl", artifacts, "--iterations", 7) == 0
    (result,) = read_results(tmp_path / "results.jsonl")
    assert result.measurement.warm_samples_ms == (3.0, 4.0)
    assert result.measurement.before == HEALTHY
    assert result.artifact.name == "one.onnx"
    stop, start, after = app.calls
    assert stop == after == "force-stop org.squeezesam.demo"
    assert start.startswith("start -W -n org.squeezesam.demo/.BenchmarkActivity --es runtime onnx")
    assert "--es networks segmenter" in start
    assert "--es threads 2 " in start
    assert "--es iterations 7 " in start


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (
            "the phone still says thermal state severe\n",
            "the phone still says thermal state severe",
        ),
        ("running\n", "crashed the app"),
        ("done\n", "the app holds another one.onnx; build it from this export"),
    ],
    ids=["error", "crash", "other artifact"],
)
def test_what_the_app_cannot_do_is_told(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str], state: str, said: str
) -> None:
    artifacts = export(tmp_path / "artifacts", "one")
    other = app_line(artifacts).replace(sha256_of(artifacts / "one.onnx"), "00" * 32)
    app.answers(other, state)
    assert bench_app(tmp_path / "results.jsonl", artifacts) == 2
    assert said in capsys.readouterr().err
    assert app.calls[-1] == "force-stop org.squeezesam.demo"
    assert not (tmp_path / "results.jsonl").exists()


def test_a_phone_without_the_app_and_options_of_others_are_refused(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str], runners: Path
) -> None:
    artifacts = export(tmp_path / "artifacts", "one")
    out = tmp_path / "results.jsonl"
    app.program("pm", "#!/bin/sh\nexit 1\n")
    assert bench_app(out, artifacts) == 2
    assert "has no org.squeezesam.demo; build the app" in capsys.readouterr().err
    assert bench_app(out, artifacts, "--runners", runners) == 2
    assert "is not for --on android --app; leave it out" in capsys.readouterr().err
    assert run("bench", "run", "--on", "host", "--app", "--artifacts", artifacts) == 2
    assert "--app is not for --on host; leave it out" in capsys.readouterr().err


@pytest.fixture(scope="module")
def arm64_runners(shared: Shared) -> Path:
    try:
        tools.check_tools("emulating ARM64", [tools.EMULATOR])
        return shared.runners("arm64-linux")
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.mark.arm64
def test_arm64_runners_run_from_export_to_results(
    bench: Bench,
    arm64_runners: Path,
    subjects: dict[str, BenchmarkArtifact],
    device: AdbDevice,
    tmp_path: Path,
) -> None:
    copies = [
        dataclasses.replace(subject, path=Path(shutil.copy(subject.path, tmp_path)))
        for subject in subjects.values()
    ]
    artifacts = write_export(tmp_path, copies)
    bench.runners = arm64_runners
    assert bench(artifacts, "--iterations", 2, "--warm-up", 0, "--pipelines", 1) == 0
    assert {one.measurement.runtime for one in bench.results} == {"onnxruntime", "executorch"}
    for result in bench.results:
        measured = result.measurement
        assert "emulated" in str(result.device.model)
        assert len(measured.warm_samples_ms) == 2
        assert len(measured.pipeline_samples) == 1
        assert measured.load_ms is not None
        assert measured.load_ms > 0
        assert measured.pinned_cores is not None
        assert measured.runtime_version == version(measured.runtime)
        assert measured.memory_kind == "rss"
        assert (measured.before, measured.after) == (HEALTHY, HEALTHY)
    assert left_on(device) == []
