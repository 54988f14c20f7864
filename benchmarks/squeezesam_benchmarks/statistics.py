"""Statistics of latency samples, computed when reporting and never stored.

Samples are kept by process. Samples of one process share its memory layout and its moment, so the
bootstrap draws processes first and samples within them second; drawing from the pooled samples
would give intervals that are too narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = Sequence[float]

RESAMPLES = 2000
CONFIDENCE_PERCENT = 95.0


@dataclass(frozen=True)
class Estimate:
    """A statistic of all samples with its bootstrap interval."""

    value: float
    low: float
    high: float


def median(processes: Sequence[Samples]) -> Estimate:
    """Median of all samples; `processes` holds the samples of each process."""

    def resampled(rng: np.random.Generator) -> float:
        rounds = rng.integers(len(processes), size=len(processes))
        return float(np.median(_draw(processes, rounds, rng)))

    return _estimate(float(np.median(np.concatenate(processes))), resampled)


def ratio_of_medians(processes: Sequence[Samples], baseline: Sequence[Samples]) -> Estimate:
    """Median of `baseline` over median of `processes`: above 1 where `processes` is faster.

    Args:
        processes: samples of one job, by round.
        baseline: samples of another in the same rounds; both are drawn together, so that drift
            between rounds, which falls on both, cancels.
    """
    if len(processes) != len(baseline):
        raise ValueError(f"{len(processes)} rounds do not pair with {len(baseline)}")

    def resampled(rng: np.random.Generator) -> float:
        rounds = rng.integers(len(processes), size=len(processes))
        above = np.median(_draw(baseline, rounds, rng))
        return float(above / np.median(_draw(processes, rounds, rng)))

    value = np.median(np.concatenate(baseline)) / np.median(np.concatenate(processes))
    return _estimate(float(value), resampled)


def percentile(processes: Sequence[Samples], percent: float) -> float:
    """Percentile of all samples, linear between neighbours."""
    return float(np.percentile(np.concatenate(processes), percent))


def _draw(
    processes: Sequence[Samples], rounds: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    return np.concatenate([rng.choice(processes[i], len(processes[i])) for i in rounds])


def _estimate(value: float, resampled: Callable[[np.random.Generator], float]) -> Estimate:
    rng = np.random.default_rng(0)
    tail = (100 - CONFIDENCE_PERCENT) / 2
    draws = [resampled(rng) for _ in range(RESAMPLES)]
    low, high = np.percentile(draws, (tail, 100 - tail))
    return Estimate(value, float(low), float(high))
