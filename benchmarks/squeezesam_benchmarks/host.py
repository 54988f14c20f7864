"""The machine at hand as a place to run artifacts."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from squeezesam.errors import ArtifactError, ConfigError, MissingDependencyError
from squeezesam_benchmarks.device import host_condition, host_device, usable_cores
from squeezesam_benchmarks.native.tools import last_line
from squeezesam_benchmarks.places import PlaceOptions, Subject, refuse_options
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.records import record_from_json
from squeezesam_benchmarks.salient_pipeline import SalientFiles
from squeezesam_benchmarks.schema import Condition, Measurement
from squeezesam_benchmarks.sessions import SESSION_MODULES
from squeezesam_benchmarks.worker import MISSING_DEPENDENCY_STATUS, Job
from squeezesam_export.targets import TARGETS


class Host:
    """Implements `places.Place`; a worker process of this Python for each measurement."""

    deterministic = False

    def __init__(self) -> None:
        self.device = host_device()
        self.default_threads: tuple[int | None, ...] = tuple(sorted({1, min(2, usable_cores())}))

    def takes(self, subject: Subject) -> bool:
        """Whether this machine has what runs an artifact."""
        target = TARGETS.get(subject.target)
        has_runtime = target is None or target.load is not None
        return has_runtime and subject.path.suffix in SESSION_MODULES

    def check_threads(self, threads: Sequence[int | None]) -> None:
        """Refuse numbers of threads that would not have a core each.

        Raises:
            ConfigError: none given, below 1, or more than the usable cores.
        """
        cores = usable_cores()
        if not threads:
            raise ConfigError(f"no number of threads given; give 1 to {cores}")
        for count in threads:
            if count is None or not 1 <= count <= cores:
                raise ConfigError(f"threads={count} cannot be pinned here; give 1 to {cores}")

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Everything is here already."""

    def condition(self) -> Condition:
        """What this machine says of its state."""
        return host_condition()

    def measure(self, subject: Subject, threads: int | None, protocol: Protocol) -> Measurement:
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
        job = Job(str(path.absolute()), threads, protocol, subject.pipeline, files)
        worker = subprocess.run(
            [sys.executable, "-m", "squeezesam_benchmarks.worker"],
            input=json.dumps(dataclasses.asdict(job)),
            capture_output=True,
            text=True,
            check=False,
        )
        last_word = last_line(worker.stderr)
        if worker.returncode == MISSING_DEPENDENCY_STATUS:
            raise MissingDependencyError(last_word)
        if worker.returncode:
            raise ArtifactError(
                f"timing {path.name} failed with status {worker.returncode}: {last_word}; "
                "try `squeezesam verify` on it or export it again"
            )
        # A runtime may print too; the measurement is what comes last.
        return record_from_json(
            Measurement, json.loads(worker.stdout.rstrip("\n").rpartition("\n")[2])
        )


@contextmanager
def opened(options: PlaceOptions) -> Iterator[Host]:
    """The machine at hand.

    Raises:
        ConfigError: an option that is for other places.
    """
    refuse_options("host", options, "device", "cpu", "runners", "compute_units")
    yield Host()
