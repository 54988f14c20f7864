"""An Android phone over adb as a device that runs artifacts.

No phone has been at hand: this ran against the emulated device of tests/adb_device.py only.

Runners are processes of the shell user and go on when the screen is off. Keeping the phone from
sleeping, as it may on battery over Wi-Fi, is its owner's to do.
"""

import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from squeezesam.errors import ArtifactError, ConfigError, DeviceError
from squeezesam.files import content_hash
from squeezesam_benchmarks.android.adb import Adb, find_device
from squeezesam_benchmarks.android.app import INFERENCE_LIMIT_S, LOAD_LIMIT_S, AndroidApp
from squeezesam_benchmarks.android.facts import android_condition, android_device
from squeezesam_benchmarks.android.folder import (
    RUNNER_NAME,
    RUNNER_PROCESS,
    files_to_push,
    private_folder,
    runner_of,
    runners_folder,
)
from squeezesam_benchmarks.devices import (
    BenchmarkArtifact,
    DeviceOptions,
    check_cores,
    refuse_options,
)
from squeezesam_benchmarks.native.runner_command import measurement_of, time_words
from squeezesam_benchmarks.native.runtimes import RUNTIMES
from squeezesam_benchmarks.native.tools import last_line
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Condition, Measurement

DEFAULT_THREADS = (1, 4)
CANNOT_EXECUTE, NO_SUCH_PROGRAM = 126, 127
"""Exit statuses of a shell; the second one is the loader's too, where a library is missing."""

KILLED = 128
"""Added by a shell to the number of the signal that ended a program."""


class Android:
    """Implements `devices.Device`; a process of a native runner for each measurement.

    Args:
        adb: the device.
        folder: on it, for whatever is brought there.
        runners: folder of built runners.
    """

    deterministic = False

    def __init__(self, adb: Adb, folder: str, runners: Path) -> None:
        self.adb, self.folder, self.runners = adb, folder, runners
        self.facts = android_device(adb)
        self.cores = self.facts.cores or 1
        self.default_threads: tuple[int | None, ...] = tuple(
            sorted({min(count, self.cores) for count in DEFAULT_THREADS})
        )

    def takes(self, subject: BenchmarkArtifact) -> bool:
        """Whether a runner exists for this kind of artifact."""
        return subject.target in {runtime.target for runtime in RUNTIMES.values()}

    def check_threads(self, threads: Sequence[int | None]) -> None:
        """Refuse numbers of threads that would not have a core each.

        Raises:
            ConfigError: none given, below 1, or more than the device's cores.
        """
        check_cores(threads, self.cores, "cannot be pinned on the device")

    def prepare(self, subjects: Sequence[BenchmarkArtifact]) -> None:
        """Push runners, libraries and artifacts, and see that they arrived unaltered.

        Raises:
            ConfigError: a runner is missing.
            DeviceError: the device is full, gone, or holds other bytes.
        """
        files = files_to_push(self.runners, subjects) + [subject.path for subject in subjects]
        self.adb.push(files, self.folder)
        there = self.adb.said(f"cd {self.folder} && chmod 700 {RUNNER_NAME}* && sha256sum *")
        lines = (line.split(maxsplit=1) for line in there.splitlines())
        hashes = {name: digest for digest, name in lines}
        for file in files:
            if hashes.get(file.name) != content_hash(file).hexdigest():
                raise DeviceError(
                    f"{file.name} arrived altered on device {self.adb.serial}; try again, and "
                    "another cable"
                )

    def condition(self) -> Condition:
        """The state of the device now.

        Raises:
            DeviceError: the device is gone.
        """
        return android_condition(self.adb)

    def measure(
        self, subject: BenchmarkArtifact, threads: int | None, protocol: Protocol
    ) -> Measurement:
        """Run the runner once on the device.

        Raises:
            ArtifactError: it fails or crashes, or prints no measurement.
            ConfigError: no number of threads.
            DeviceError: the device is gone, cannot run the runner, or hangs.
        """
        if threads is None:
            raise ConfigError(
                "the runners of --on android take a number of threads; give --threads"
            )
        name, runner = subject.artifact.name, runner_of(subject)
        words = [f"./{runner}", *time_words(subject, name, threads, protocol)]
        answer = self.adb.shell(
            f"cd {self.folder} || exit\n"
            f"LD_LIBRARY_PATH=. {shlex.join(words)} &\n"
            f"echo $! >{RUNNER_PROCESS}\n"
            "wait $!\nstatus=$?\n"
            f"rm {RUNNER_PROCESS}\n"
            "exit $status",
            protocol.longest_s(LOAD_LIMIT_S, INFERENCE_LIMIT_S),
        )
        if answer.status in (CANNOT_EXECUTE, NO_SUCH_PROGRAM):
            raise DeviceError(
                f"device {self.adb.serial} cannot run {runner}: {last_line(answer.stderr)}; build "
                "it and its libraries for this device"
            )
        if answer.status - KILLED in signal.valid_signals():
            fate = signal.strsignal(answer.status - KILLED)
            raise ArtifactError(
                f"timing {name} crashed {runner} ({fate}): {last_line(answer.stderr)}"
            )
        return measurement_of(name, answer.status, answer.stdout, answer.stderr)


@contextmanager
def connect(options: DeviceOptions) -> Iterator[Android | AndroidApp]:
    """The device that is connected, or of several the one that is named.

    Raises:
        ConfigError: no runners, or an option that is for other devices.
        DeviceError: no device, several without a name, or one that refuses.
    """
    refuse_options("android", options, "device", "runners", "app")
    if options.app:
        refuse_options("android --app", options, "device", "app")
        yield AndroidApp(find_device(options.device))
        return
    runners = runners_folder(options.runners)
    adb = find_device(options.device)
    with private_folder(adb, options.tell) as folder:
        yield Android(adb, folder, runners)
