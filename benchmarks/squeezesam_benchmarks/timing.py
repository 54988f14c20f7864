"""Timing that keeps every sample: artifacts interleaved, results added to a file."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from squeezesam.typed_command import typed_command
from squeezesam_benchmarks.interleaving import time_interleaved
from squeezesam_benchmarks.places import Place, Subject
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results_file import ResultsFile
from squeezesam_benchmarks.schema import Result


def time_all(
    place: Place,
    subjects: Sequence[Subject],
    threads: Sequence[int],
    protocol: Protocol,
    out: Path,
    progress: Callable[[str], None],
) -> list[Result]:
    """Time the subjects, add the results to a file and return the new ones.

    Args:
        place: where.
        subjects: what to time.
        threads: numbers of threads; empty for the place's usual ones.
        protocol: how; a deterministic place needs one round only.
        out: results file.
        progress: takes a line for each result.
    """
    if place.deterministic:
        protocol = dataclasses.replace(protocol, rounds=1)
    new = []
    counts = threads or place.default_threads
    total = len(subjects) * len(counts) * protocol.rounds
    kept = ResultsFile(out)
    for result in time_interleaved(place, subjects, counts, protocol, typed_command()):
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
