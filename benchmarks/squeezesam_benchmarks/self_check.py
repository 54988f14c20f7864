"""How far the harness can be trusted on this machine, measured by itself.

Two questions: what does it add to a sample, and do two runs of one artifact, one after the other,
come out as different though nothing changed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from squeezesam_benchmarks.devices import BenchmarkArtifact, Device
from squeezesam_benchmarks.interleaving import time_interleaved
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.comparison import RowComparison, RowVerdict, compare_results
from squeezesam_benchmarks.results.records import Result
from squeezesam_benchmarks.worker import samples_ms

INFERENCE_MS = 5.0
INFERENCES = 400
MAX_OVERHEAD_PERCENT = 1.0
MIN_SHARE_INDISTINGUISHABLE = 0.9


@dataclass(frozen=True)
class Repetition:
    """Pairs of consecutive runs of one artifact.

    Attributes:
        artifact: its name.
        comparisons: one for each pair.
    """

    artifact: str
    comparisons: tuple[RowComparison, ...]

    @property
    def indistinguishable(self) -> int:
        """Pairs that nothing told apart."""
        return sum(one.verdict is RowVerdict.INDISTINGUISHABLE for one in self.comparisons)

    @property
    def passes(self) -> bool:
        """Whether they are enough of all."""
        return self.indistinguishable >= MIN_SHARE_INDISTINGUISHABLE * len(self.comparisons)


def overhead_percent() -> float:
    """What the harness adds to an inference of INFERENCE_MS: the median over INFERENCES.

    The inference is a loop that watches the clock and notes how long it took; the harness takes
    its sample around it, in the same way as around a network.
    """
    taken_ms: list[float] = []

    def infer() -> None:
        began_ns = time.perf_counter_ns()
        while (elapsed_ms := (time.perf_counter_ns() - began_ns) / 1e6) < INFERENCE_MS:
            pass
        taken_ms.append(elapsed_ms)

    samples = samples_ms(infer, INFERENCES, budget_s=0)
    return float(np.median(100 * (np.array(samples) / np.array(taken_ms) - 1)))


def repeat(
    device: Device,
    subject: BenchmarkArtifact,
    threads: int | None,
    protocol: Protocol,
    pairs: int,
    command: str,
    progress: Callable[[RowComparison], None],
) -> Repetition:
    """Time one artifact twice, `pairs` times, and compare the two runs of each pair.

    Raises:
        ArtifactError, DeviceError, MissingDependencyError: it does not run.
    """

    def run() -> list[Result]:
        return list(time_interleaved(device, [subject], [threads], protocol, command))

    comparisons = []
    for _ in range(pairs):
        (comparison,) = compare_results(run(), run())
        comparisons.append(comparison)
        progress(comparison)
    return Repetition(subject.artifact.name, tuple(comparisons))
