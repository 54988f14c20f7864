"""What minutes of inference without a pause tell: how much slower the last ones are.

Samples are kept by process. Samples of one process share its memory layout and its moment, so the
bootstrap draws processes first and samples within them second; drawing from the pooled samples
would give intervals that are too narrow. Where two sets of processes were not interleaved, each
process counts as one number, its median.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Samples = Sequence[float]

RESAMPLES = 2000
CONFIDENCE_PERCENT = 95.0
ESTIMATES_KEPT = 1024


@dataclass(frozen=True)
class Estimate:
    """A statistic of all samples with its 95 % interval."""

    value: float
    low: float
    high: float


def median(processes: Sequence[Samples]) -> Estimate:
    """Median of all samples; `processes` holds the samples of each process."""
    return _median(_hashable(processes))


@lru_cache(ESTIMATES_KEPT)
def _median(processes: tuple[tuple[float, ...], ...]) -> Estimate:
    arrays = [np.asarray(samples) for samples in processes]

    def resampled(rng: np.random.Generator) -> float:
        rounds = rng.integers(len(processes), size=len(processes))
        return float(np.median(_draw(arrays, rounds, rng)))

    return _estimate(float(np.median(np.concatenate(arrays))), resampled)


def ratio_of_medians(processes: Sequence[Samples], baseline: Sequence[Samples]) -> Estimate:
    """Median of `baseline` over median of `processes`: above 1 where `processes` is faster.

    Args:
        processes: samples of one job, by round.
        baseline: samples of another in the same rounds; both are drawn together, so that drift
            between rounds, which falls on both, cancels.
    """
    if len(processes) != len(baseline):
        raise ValueError(f"{len(processes)} rounds do not pair with {len(baseline)}")
    return _ratio_of_medians(_hashable(processes), _hashable(baseline))


@lru_cache(ESTIMATES_KEPT)
def _ratio_of_medians(
    processes: tuple[tuple[float, ...], ...], baseline: tuple[tuple[float, ...], ...]
) -> Estimate:
    arrays = [np.asarray(samples) for samples in processes]
    others = [np.asarray(samples) for samples in baseline]

    def resampled(rng: np.random.Generator) -> float:
        rounds = rng.integers(len(processes), size=len(processes))
        above = np.median(_draw(others, rounds, rng))
        return float(above / np.median(_draw(arrays, rounds, rng)))

    value = np.median(np.concatenate(others)) / np.median(np.concatenate(arrays))
    return _estimate(float(value), resampled)


def shift_of_medians(a: Samples, b: Samples) -> Estimate | None:
    """How many times `a` makes `b`, for processes that were not interleaved with one another.

    The Hodges-Lehmann estimate on the log scale, the median of all ratios of one to another, with
    the interval of those ratios that the exact rank-sum test of Mann and Whitney does not reject
    (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd edition, section 4.3). It
    holds whatever the distribution, as long as processes are independent and differ by a factor.

    Args:
        a: one positive number for each process.
        b: likewise.

    Returns:
        None where the processes are so few that no ratio could be rejected: 3 against 3, say.
    """
    rejected = critical_rank_sum(len(a), len(b))
    if rejected is None:
        return None
    logs = np.sort(np.subtract.outer(np.log(b), np.log(a)), axis=None)
    low, middle, high = np.exp([logs[rejected], np.median(logs), logs[-1 - rejected]])
    return Estimate(float(middle), float(low), float(high))


@lru_cache
def critical_rank_sum(count: int, other_count: int) -> int | None:
    """The largest U of Mann and Whitney that rejects at 95 %, two-sided; None where none does.

    U is how many of the pairs of one and another are in the wrong order. Without a difference
    every order of all values is as likely, and the orders with each U are counted exactly.
    """
    tail = (100 - CONFIDENCE_PERCENT) / 200 * math.comb(count + other_count, count)
    totals = accumulate(_orders_by_u(count, other_count))
    rejected = sum(total <= tail for total in totals)
    return rejected - 1 if rejected else None


def _orders_by_u(count: int, other_count: int) -> list[int]:
    """Orders of `count` and `other_count` values with U = 0, 1, ... up to half of all pairs.

    These are the coefficients of the Gaussian binomial, the product over i of
    (1 - q^(other_count + i)) / (1 - q^i) for i from 1 to `count`.
    """
    orders = [1] + [0] * (count * other_count // 2)
    for i in range(1, count + 1):
        for u in range(len(orders) - 1, other_count + i - 1, -1):
            orders[u] -= orders[u - other_count - i]
        for u in range(i, len(orders)):
            orders[u] += orders[u - i]
    return orders


def percentile(processes: Sequence[Samples], percent: float) -> float:
    """Percentile of all samples, linear between neighbours."""
    return float(np.percentile(np.concatenate(processes), percent))


def variation_percent(processes: Sequence[Samples]) -> float:
    """Coefficient of variation of all samples: standard deviation over mean, in percent."""
    pooled = np.concatenate(processes)
    return float(100 * np.std(pooled) / np.mean(pooled))


def _hashable(processes: Sequence[Samples]) -> tuple[tuple[float, ...], ...]:
    """As keys of the caches: a report shows one estimate in several places."""
    return tuple(map(tuple, processes))


def _draw(
    processes: Sequence[NDArray[np.float64]], rounds: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    drawn = (processes[i] for i in rounds)
    return np.concatenate([one[rng.integers(len(one), size=len(one))] for one in drawn])


def _estimate(value: float, resampled: Callable[[np.random.Generator], float]) -> Estimate:
    rng = np.random.default_rng(0)
    tail = (100 - CONFIDENCE_PERCENT) / 2
    draws = [resampled(rng) for _ in range(RESAMPLES)]
    low, high = np.percentile(draws, (tail, 100 - tail))
    return Estimate(value, float(low), float(high))


WINDOW_S = 30.0
MS_PER_S = 1e3


@dataclass(frozen=True)
class Sustained:
    """Both ends of one process in sustained mode.

    Attributes:
        duration_s: of all inferences together.
        window_s: of each end: 30, or half of a shorter run.
        first_ms: median inference of the first window.
        last_ms: median inference of the last window.
    """

    duration_s: float
    window_s: float
    first_ms: float
    last_ms: float

    @property
    def slowdown(self) -> float:
        """Last over first: above 1 where the device got slower."""
        return self.last_ms / self.first_ms


def sustained_of(samples_ms: Sequence[float]) -> Sustained | None:
    """Compare both ends; None without two samples. An inference belongs to where it began."""
    if len(samples_ms) < 2:
        return None
    samples = np.asarray(samples_ms)
    began_s = (np.cumsum(samples) - samples) / MS_PER_S
    duration_s = float(samples.sum()) / MS_PER_S
    window_s = min(WINDOW_S, duration_s / 2)
    return Sustained(
        duration_s=duration_s,
        window_s=window_s,
        first_ms=float(np.median(samples[began_s < window_s])),
        last_ms=float(np.median(samples[began_s >= min(duration_s - window_s, began_s[-1])])),
    )
