"""The machine at hand as a device that runs artifacts."""

import dataclasses
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from squeezesam.environment import usable_cores
from squeezesam.errors import ArtifactError, ConfigError, MissingDependencyError
from squeezesam_benchmarks.devices import (
    BenchmarkArtifact,
    DeviceOptions,
    check_cores,
    refuse_options,
)
from squeezesam_benchmarks.native.tools import last_line
from squeezesam_benchmarks.pipelines import SalientFiles
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import (
    Condition,
    DeviceFacts,
    Measurement,
    record_from_json,
)
from squeezesam_benchmarks.sessions import SESSION_MODULES
from squeezesam_benchmarks.worker import MISSING_DEPENDENCY_STATUS, TimingJob
from squeezesam_export.targets.table import TARGETS

PRODUCT_NAMES = (Path("/sys/class/dmi/id/product_name"), Path("/proc/device-tree/model"))
CPU_INFO = Path("/proc/cpuinfo")
THERMAL_ZONES = Path("/sys/class/thermal")
POWER_SUPPLIES = Path("/sys/class/power_supply")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
MILLI = 1e-3


def host_device() -> DeviceFacts:
    """Model, processor, cores and system of this machine; None for what it does not say."""
    product = next((path.read_text() for path in PRODUCT_NAMES if path.is_file()), "")
    info = CPU_INFO.read_text() if CPU_INFO.is_file() else ""
    cpu = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return DeviceFacts(
        place="host",
        model=product.strip("\0\n ") or None,
        soc=None,
        cpu=cpu[1].strip() if cpu else platform.processor() or None,
        cores=os.cpu_count(),
        os=platform.platform(),
    )


def host_condition() -> Condition:
    """Hottest sensor, battery and governor of this machine; None for what it does not say."""
    temperatures = [said(path) for path in THERMAL_ZONES.glob("thermal_zone*/temp")]
    millidegrees = [int(text) for text in temperatures if text]
    battery = next(iter(sorted(POWER_SUPPLIES.glob("BAT*"))), None)
    charge = said(battery / "capacity") if battery else None
    status = said(battery / "status") if battery else None
    return Condition(
        temperature_celsius=max(millidegrees) * MILLI if millidegrees else None,
        battery_percent=float(charge) if charge else None,
        charging=status in ("Charging", "Full") if status else None,
        power_mode=said(GOVERNOR),
    )


def said(file: Path) -> str | None:
    """What a file of /sys holds; None where it is absent or its sensor does not answer."""
    try:
        return file.read_text().strip() or None
    except OSError:
        return None


class Host:
    """Implements `devices.Device`; a worker process of this Python for each measurement."""

    deterministic = False

    def __init__(self) -> None:
        self.facts = host_device()
        self.default_threads: tuple[int | None, ...] = tuple(sorted({1, min(2, usable_cores())}))

    def takes(self, subject: BenchmarkArtifact) -> bool:
        """Whether this machine has what runs an artifact."""
        target = TARGETS.get(subject.target)
        has_runtime = target is None or target.load is not None
        return has_runtime and subject.path.suffix in SESSION_MODULES

    def check_threads(self, threads: Sequence[int | None]) -> None:
        """Refuse numbers of threads that would not have a core each.

        Raises:
            ConfigError: none given, below 1, or more than the usable cores.
        """
        check_cores(threads, usable_cores(), "cannot be pinned here")

    def prepare(self, subjects: Sequence[BenchmarkArtifact]) -> None:
        """Everything is here already."""

    def condition(self) -> Condition:
        """What this machine says of its state."""
        return host_condition()

    def measure(
        self, subject: BenchmarkArtifact, threads: int | None, protocol: Protocol
    ) -> Measurement:
        """Measure one artifact in a process of its own.

        Raises:
            ArtifactError: it does not load or run.
            ConfigError: no number of threads.
            MissingDependencyError: its runtime is not installed.
        """
        if threads is None:
            raise ConfigError("the runtimes of --on host take a number of threads; give --threads")
        path = subject.path
        way = subject.salient
        files = SalientFiles(str(way.detector.absolute()), str(way.photo)) if way else None
        job = TimingJob(str(path.absolute()), threads, protocol, subject.pipeline, files)
        answer = worker_answer("squeezesam_benchmarks.worker", dataclasses.asdict(job), path.name)
        return record_from_json(Measurement, answer)


def worker_answer(module: str, job: Mapping[str, Any], subject: str) -> Any:
    """What a fresh process of this Python answers to a job.

    Args:
        module: is run with the job as JSON on its stdin, and prints its answer as JSON.
        job: what is to be timed, and how.
        subject: names what is timed in an error.

    Raises:
        ArtifactError: it does not load or run.
        MissingDependencyError: its runtime is not installed.
    """
    worker = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
    )
    last_word = last_line(worker.stderr)
    if worker.returncode == MISSING_DEPENDENCY_STATUS:
        raise MissingDependencyError(last_word)
    if worker.returncode:
        raise ArtifactError(
            f"timing {subject} failed with status {worker.returncode}: {last_word}; "
            "try `squeezesam verify` on it or export it again"
        )
    # A runtime may print too; the answer is what comes last.
    return json.loads(worker.stdout.rstrip("\n").rpartition("\n")[2])


@contextmanager
def connect(options: DeviceOptions) -> Iterator[Host]:
    """The machine at hand.

    Raises:
        ConfigError: an option that is for other devices.
    """
    refuse_options("host", options)
    yield Host()
