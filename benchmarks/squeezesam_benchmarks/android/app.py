"""The demo app on an Android phone as a device that runs the artifacts it ships.

No phone has been at hand: this ran against the emulated device of tests/adb_device.py only, and
against a stand-in for the app.
"""

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

from squeezesam.errors import ArtifactError, ConfigError, DataError, DeviceError
from squeezesam_benchmarks.android.adb import Adb
from squeezesam_benchmarks.android.facts import android_condition, android_device
from squeezesam_benchmarks.devices import BenchmarkArtifact
from squeezesam_benchmarks.native.tools import last_line
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Condition, Measurement, read_results

PACKAGE = "org.squeezesam.demo"
ACTIVITY, PROCESS = f"{PACKAGE}/.BenchmarkActivity", f"{PACKAGE}:benchmark"
FOLDER = f"/sdcard/Android/data/{PACKAGE}/files"
STATE, RESULTS = f"{FOLDER}/state.txt", f"{FOLDER}/results.jsonl"
DONE, RUNNING = "done", "running"
TARGETS = ("onnx", "executorch")
LOAD_LIMIT_S = 120.0
INFERENCE_LIMIT_S = 30.0
"""The longest that one may take; a phone that hangs is given up on at last."""


class AndroidApp:
    """Implements `devices.Device`; a process of the app for each measurement.

    The app times what was built into it; it must be the bundle whose artifacts are timed.

    Args:
        adb: the device, on which the app is installed.

    Raises:
        DeviceError: the app is not installed, or the device is gone.
    """

    deterministic = False

    def __init__(self, adb: Adb) -> None:
        self.adb = adb
        self.facts = android_device(adb)
        cores = self.facts.cores or 1
        self.default_threads: tuple[int | None, ...] = tuple(sorted({1, min(4, cores)}))
        if adb.shell(f"pm path {PACKAGE}").status:
            raise DeviceError(
                f"device {adb.serial} has no {PACKAGE}; build the app with "
                "android_demo/build.py and install it"
            )

    def takes(self, subject: BenchmarkArtifact) -> bool:
        """Whether the app can run this kind of artifact."""
        return subject.target in TARGETS

    def check_threads(self, threads: Sequence[int | None]) -> None:
        """Refuse what is no number of threads; the app pins none.

        Raises:
            ConfigError: none given, or one below 1.
        """
        if not threads or any(count is None or count < 1 for count in threads):
            raise ConfigError("the app takes numbers of threads from 1 on; give --threads")

    def prepare(self, subjects: Sequence[BenchmarkArtifact]) -> None:
        """Bring nothing: what the app times is a part of it."""

    def condition(self) -> Condition:
        """The state of the device now.

        Raises:
            DeviceError: the device is gone.
        """
        return android_condition(self.adb)

    def measure(
        self, subject: BenchmarkArtifact, threads: int | None, protocol: Protocol
    ) -> Measurement:
        """Start the app anew and have it do the protocol once.

        Raises:
            ArtifactError: the app holds another artifact, or cannot time it, or crashed.
            DeviceError: the device is gone, refuses, or hangs.
        """
        words = {
            "runtime": subject.target,
            "networks": subject.kind.name,
            "schemes": subject.artifact.precision,
            "threads": threads,
            "rounds": 1,
            "warm_up": protocol.warm_up_inferences,
            "iterations": protocol.timed_inferences,
            "time_budget": protocol.time_budget_s,
            "pipelines": protocol.pipeline_runs,
            "photo_width": protocol.photo_width_px,
            "photo_height": protocol.photo_height_px,
            "sustained": protocol.sustained_s,
            "thermal_gate": 0,
        }
        extras = " ".join(f"--es {name} {shlex.quote(str(word))}" for name, word in words.items())
        name = subject.artifact.name
        try:
            answer = self.adb.shell(
                f"am force-stop {PACKAGE}\n"
                f"rm -f {STATE} {RESULTS}\n"
                f"am start -W -n {ACTIVITY} {extras} || exit\n"
                f'while [ "$(cat {STATE} 2>/dev/null || echo {RUNNING})" = {RUNNING} ]\n'
                f"do pidof {PROCESS} >/dev/null || break; sleep 1; done\n"
                f"cat {STATE}",
                protocol.longest_s(LOAD_LIMIT_S, INFERENCE_LIMIT_S),
            )
            state = last_line(answer.stdout)
            if answer.status:
                raise DeviceError(
                    f"device {self.adb.serial} cannot start {ACTIVITY}: "
                    f"{last_line(answer.stderr or answer.stdout)}; install the app again"
                )
            if state == RUNNING:
                raise ArtifactError(f"timing {name} crashed the app; see `adb logcat`")
            if state != DONE:
                raise ArtifactError(f"the app cannot time {name}: {state}")
            return self.kept(subject)
        finally:
            self.adb.shell(f"am force-stop {PACKAGE}")

    def kept(self, subject: BenchmarkArtifact) -> Measurement:
        """What the app wrote of an artifact.

        Raises:
            ArtifactError: it is no result, or one of another artifact.
            DeviceError: the device is gone.
        """
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "results.jsonl"
            file.write_text(self.adb.said(f"cat {RESULTS}"), encoding="utf-8")
            try:
                (result,) = read_results(file)
            except (DataError, ValueError) as error:
                raise ArtifactError(
                    f"the app wrote no result of this version for {subject.artifact.name}; build "
                    "and install it again"
                ) from error
        if result.artifact.sha256 != subject.artifact.sha256:
            raise ArtifactError(
                f"the app holds another {subject.artifact.name}; build it from this export"
            )
        return result.measurement
