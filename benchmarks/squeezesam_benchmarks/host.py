"""Times artifacts on this machine: a fresh process each, interleaved over rounds."""

import dataclasses
import json
import random
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from squeezesam.errors import ArtifactError, ConfigError, MissingDependencyError
from squeezesam_benchmarks.device import host_device, usable_cores
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.records import record_from_json
from squeezesam_benchmarks.schema import SCHEMA_VERSION, Artifact, Measurement, Result
from squeezesam_benchmarks.worker import MISSING_DEPENDENCY_STATUS, Job


@dataclass(frozen=True)
class Subject:
    """An artifact to time.

    Attributes:
        path: where it lies.
        target: its name in `squeezesam_export.targets.TARGETS`, or PyTorch for weights.
        artifact: what is known about it.
    """

    path: Path
    target: str
    artifact: Artifact


def time_interleaved(
    subjects: Sequence[Subject], threads: Sequence[int], protocol: Protocol, command: str
) -> Iterator[Result]:
    """Time every subject with every number of threads, and report as each process ends.

    The order is shuffled anew in each round, so that no job always follows the same other one.

    Args:
        subjects: what to time.
        threads: numbers of threads, each at most the usable cores.
        protocol: how.
        command: what was typed, for the record.

    Raises:
        ConfigError: a number of threads that this machine cannot pin.
        ArtifactError: an artifact does not load or run.
        MissingDependencyError: its runtime is not installed.
    """
    check_threads(threads)
    device, run_id = host_device(), uuid.uuid4().hex
    jobs = [(subject, count) for subject in subjects for count in threads]
    shuffler = random.Random(0)
    for round_index in range(protocol.rounds):
        shuffler.shuffle(jobs)
        for subject, count in jobs:
            yield Result(
                schema_version=SCHEMA_VERSION,
                harness_version=version("squeezesam"),
                run_id=run_id,
                round_index=round_index,
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
                command=command,
                protocol=protocol,
                device=device,
                artifact=subject.artifact,
                measurement=in_fresh_process(subject.path, count, protocol),
            )


def check_threads(threads: Sequence[int]) -> None:
    """Refuse numbers of threads that would not have a core each.

    Raises:
        ConfigError: none given, below 1, or more than the usable cores.
    """
    cores = usable_cores()
    if not threads:
        raise ConfigError(f"no number of threads given; give 1 to {cores}")
    for count in threads:
        if not 1 <= count <= cores:
            raise ConfigError(f"threads={count} cannot be pinned here; give 1 to {cores}")


def in_fresh_process(path: Path, threads: int, protocol: Protocol) -> Measurement:
    """Measure one artifact in a process of its own.

    Raises:
        ArtifactError: it does not load or run.
        MissingDependencyError: its runtime is not installed.
    """
    job = Job(str(path.absolute()), threads, protocol)
    worker = subprocess.run(
        [sys.executable, "-m", "squeezesam_benchmarks.worker"],
        input=json.dumps(dataclasses.asdict(job)),
        capture_output=True,
        text=True,
        check=False,
    )
    last_word = (worker.stderr.strip().splitlines() or ["no message"])[-1]
    if worker.returncode == MISSING_DEPENDENCY_STATUS:
        raise MissingDependencyError(last_word)
    if worker.returncode:
        raise ArtifactError(
            f"timing {path.name} failed with status {worker.returncode}: {last_word}; "
            "try `squeezesam verify` on it or export it again"
        )
    # A runtime may print too; the measurement is what comes last.
    return record_from_json(Measurement, json.loads(worker.stdout.splitlines()[-1]))
