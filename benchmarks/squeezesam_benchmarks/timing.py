"""Timing that keeps every sample: artifacts interleaved, results added to a file."""

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from squeezesam_benchmarks.host import Subject, time_interleaved
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results_file import added_results
from squeezesam_benchmarks.schema import Result


def time_all(
    subjects: Sequence[Subject],
    threads: Sequence[int],
    protocol: Protocol,
    out: Path,
    progress: Callable[[str], None],
) -> list[Result]:
    """Time the subjects, add the results to a file and return the new ones.

    Args:
        subjects: what to time.
        threads: numbers of threads, each at most the usable cores.
        protocol: how.
        out: results file.
        progress: takes a line for each result.
    """
    new = []
    total = len(subjects) * len(threads) * protocol.rounds
    with added_results(out) as results:
        command = shlex.join(["squeezesam", *sys.argv[1:]])
        for result in time_interleaved(subjects, threads, protocol, command):
            results.append(result)
            new.append(result)
            samples = sorted(result.measurement.warm_samples_ms)
            progress(
                f"[{len(new)}/{total}] {result.artifact.name}, {result.measurement.threads} "
                f"threads: {samples[len(samples) // 2]:.1f} ms"
            )
    return new
