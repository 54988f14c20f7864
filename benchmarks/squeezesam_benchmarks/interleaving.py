"""Timing that keeps every sample: artifacts in fresh processes, interleaved over rounds."""

import dataclasses
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from squeezesam.environment import typed_command
from squeezesam.errors import ArtifactError, DeviceError
from squeezesam_benchmarks.devices import BenchmarkArtifact, Device
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import (
    SCHEMA_VERSION,
    Condition,
    Measurement,
    Result,
    ResultsFile,
)

COOL_STATES = (None, "none", "nominal")
"""Thermal states in which nothing is throttled, and that of a device that does not say."""

GATE_POLL_S = 5.0
UNKNOWN = Condition()


def time_interleaved(
    device: Device,
    subjects: Sequence[BenchmarkArtifact],
    threads: Sequence[int | None],
    protocol: Protocol,
    command: str,
) -> Iterator[Result]:
    """Time every subject with every number of threads, and report as each process ends.

    The order is shuffled anew in each round, so that no job always follows the same other one. An
    artifact that fails is left out from then on; the others are timed to the end.

    Args:
        device: where.
        subjects: what to time.
        threads: numbers of threads; None where the device takes no such number.
        protocol: how.
        command: what was typed, for the record.

    Raises:
        ConfigError: a number of threads that the device cannot pin.
        ArtifactError: at the end, where artifacts did not load or run.
        DeviceError: the device is gone, refuses, or stays hot.
        MissingDependencyError: a runtime is not installed.
    """
    device.check_threads(threads)
    device.prepare(subjects)
    run_id = uuid.uuid4().hex
    jobs = [(subject, count) for subject in subjects for count in threads]
    shuffler = random.Random(0)
    failures: list[str] = []
    for round_index in range(protocol.rounds):
        shuffler.shuffle(jobs)
        for subject, count in tuple(jobs):
            time.sleep(protocol.cool_down_s)
            before = when_cool(device, protocol.thermal_gate_s)
            started_at = datetime.now(UTC).isoformat(timespec="seconds")
            try:
                measurement = device.measure(subject, count, protocol)
            except ArtifactError as error:
                failures.append(str(error))
                jobs.remove((subject, count))
                continue
            after, gone = state_after(device)
            yield Result(
                schema_version=SCHEMA_VERSION,
                harness_version=version("squeezesam"),
                run_id=run_id,
                round_index=round_index,
                started_at=started_at,
                command=command,
                protocol=protocol,
                device=device.facts,
                artifact=subject.artifact,
                measurement=between(before, measurement, after),
                detector=subject.salient.artifact if subject.salient else None,
            )
            if gone is not None:
                raise gone
    if failures:
        raise ArtifactError("; ".join(failures))


def when_cool(device: Device, longest_s: float) -> Condition:
    """Wait until the device is not throttling; its state then.

    Raises:
        DeviceError: it still is after `longest_s`.
    """
    deadline = time.monotonic() + longest_s
    while (condition := device.condition()).thermal_state not in COOL_STATES:
        if time.monotonic() >= deadline:
            raise DeviceError(
                f"the device still says thermal state {condition.thermal_state!r} after "
                f"{longest_s:g} s; let it cool, or give a longer --thermal-gate"
            )
        time.sleep(min(GATE_POLL_S, max(0.0, deadline - time.monotonic())))
    return condition


def state_after(device: Device) -> tuple[Condition, DeviceError | None]:
    """The state after a measurement, which is kept even where the device is gone by then."""
    try:
        return device.condition(), None
    except DeviceError as error:
        return UNKNOWN, error


def between(before: Condition, measurement: Measurement, after: Condition) -> Measurement:
    """The measurement with the device's states, where its runner did not report them itself."""
    return dataclasses.replace(
        measurement,
        before=before if measurement.before == UNKNOWN else measurement.before,
        after=after if measurement.after == UNKNOWN else measurement.after,
    )


def time_all(
    device: Device,
    subjects: Sequence[BenchmarkArtifact],
    threads: Sequence[int],
    protocol: Protocol,
    out: Path,
    progress: Callable[[str], None],
) -> list[Result]:
    """Time the subjects, add the results to a file and return the new ones.

    Args:
        device: where.
        subjects: what to time.
        threads: numbers of threads; empty for the device's usual ones.
        protocol: how; a deterministic device needs one round only.
        out: results file.
        progress: takes a line for each result.
    """
    if device.deterministic:
        protocol = dataclasses.replace(protocol, rounds=1)
    new = []
    counts = threads or device.default_threads
    total = len(subjects) * len(counts) * protocol.rounds
    kept = ResultsFile(out)
    for result in time_interleaved(device, subjects, counts, protocol, typed_command()):
        kept.add(result)
        new.append(result)
        progress(f"[{len(new)}/{total}] {summary(result)}")
    return new


def summary(result: Result) -> str:
    """One line on a result, to see that it is alive."""
    samples = sorted(result.measurement.warm_samples_ms)
    found = f"{samples[len(samples) // 2]:.1f} ms" if samples else "counted"
    threads = result.measurement.threads
    how = result.measurement.backend if threads is None else f"{threads} threads"
    return f"{result.artifact.name}, {how}: {found}"
