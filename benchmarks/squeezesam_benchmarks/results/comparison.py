"""A comparison of two sets of results as text.

The two sets were not interleaved, so drift of the machine between them falls on one of them only
and looks like a difference. What the interval says holds for the two moments of measuring.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from squeezesam.errors import ConfigError
from squeezesam.terminal import markdown_table
from squeezesam_benchmarks.results.formatting import UNKNOWN, with_interval
from squeezesam_benchmarks.results.metrics import METRICS, Metric
from squeezesam_benchmarks.results.records import Result
from squeezesam_benchmarks.results.statistics import (
    CONFIDENCE_PERCENT,
    Estimate,
    critical_rank_sum,
    shift_of_medians,
)


class RowVerdict(StrEnum):
    """What can be said of one row."""

    BETTER = "better"
    WORSE = "worse"
    INDISTINGUISHABLE = "indistinguishable"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class RowKey:
    """What has to agree for results to be compared with one another."""

    place: str
    artifact: str
    variant: str | None
    precision: str | None
    runtime: str
    backend: str
    threads: int | None

    def __str__(self) -> str:
        threads = "" if self.threads is None else f", threads {self.threads}"
        return f"{self.artifact} ({self.runtime} {self.backend}{threads}, {self.place})"


@dataclass(frozen=True)
class RowComparison:
    """One row of both sets.

    Attributes:
        key: of the row.
        before: the metric of each process of the first set.
        after: of the second.
        ratio: how many times the first makes the second, with its 95 % interval.
        verdict: on the second; UNDECIDED exactly where `ratio` is None.
        reason: why nothing was decided.
    """

    key: RowKey
    before: tuple[float, ...]
    after: tuple[float, ...]
    ratio: Estimate | None
    verdict: RowVerdict
    reason: str | None = None


def compare_results(
    before: Sequence[Result], after: Sequence[Result], metric: str = "model"
) -> list[RowComparison]:
    """Compare every row that both sets have, sorted; emulated rows have no times and are left out.

    Args:
        before: results of one or more runs; runs of the same row are pooled.
        after: to judge against them.
        metric: name in METRICS.

    Raises:
        ConfigError: no such metric.
    """
    if metric not in METRICS:
        raise ConfigError(f"unknown metric {metric!r}; choose from {', '.join(METRICS)}")
    rows, other_rows = _rows(before), _rows(after)
    return [
        _compared(key, rows[key], other_rows[key], METRICS[metric])
        for key in sorted(rows.keys() & other_rows.keys(), key=str)
    ]


def rows_missing(results: Sequence[Result], other: Sequence[Result]) -> list[RowKey]:
    """Rows that `results` have and `other` lack, sorted."""
    return sorted(_rows(results).keys() - _rows(other).keys(), key=str)


def differences(before: Sequence[Result], after: Sequence[Result]) -> list[str]:
    """What else may explain a difference between the two sets: a sentence for each thing."""
    facts, other_facts = _circumstances(before), _circumstances(after)
    found = [
        f"{name} differs: {_listed(facts[name])} before, {_listed(other_facts[name])} after"
        for name in facts
        if name in other_facts and len(facts[name] | other_facts[name]) > 1
    ]
    shared = {one.run_id for one in before} & {one.run_id for one in after}
    if shared:
        found.append(f"both hold results of run {_listed(shared)}")
    return found


def _circumstances(results: Sequence[Result]) -> dict[str, set[str]]:
    """Each thing that may matter, and all that it was."""
    facts: dict[str, set[str]] = {}
    for result in _timed(results):
        one = result.measurement
        said = {"harness": result.harness_version, f"{one.runtime} version": one.runtime_version}
        for what in ("device", "protocol"):
            record = dataclasses.asdict(getattr(result, what))
            said |= {f"{what} {name}": value for name, value in record.items()}
        del said["protocol rounds"]  # only how many processes there are
        for name, value in said.items():
            facts.setdefault(name, set()).add("unknown" if value is None else str(value))
    return facts


def _listed(values: Iterable[str]) -> str:
    return " and ".join(sorted(values))


def _timed(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.measurement.emulation is None]


def _rows(results: Sequence[Result]) -> dict[RowKey, list[Result]]:
    rows: dict[RowKey, list[Result]] = {}
    for result in _timed(results):
        one, artifact = result.measurement, result.artifact
        key = RowKey(
            place=result.device.place,
            artifact=artifact.name,
            variant=artifact.variant,
            precision=artifact.precision,
            runtime=one.runtime,
            backend=one.backend,
            threads=one.threads,
        )
        rows.setdefault(key, []).append(result)
    return rows


def _compared(
    key: RowKey, before: Sequence[Result], after: Sequence[Result], metric: Metric
) -> RowComparison:
    ones, others = (
        tuple(
            value
            for result in results
            if (value := metric.of_process(result.measurement)) is not None
        )
        for results in (before, after)
    )
    reason = _mixed(before) or _mixed(after) or _incomparable(ones, others, metric)
    kinds = {metric.kind_of_process(result.measurement) for result in (*before, *after)}
    if len(kinds) > 1:
        reason = f"{metric.title} counted as {_listed(kind or 'unknown' for kind in kinds)}"
    ratio = None if reason else shift_of_medians(ones, others)
    return RowComparison(key, ones, others, ratio, _verdict(ratio), reason)


def _mixed(results: Sequence[Result]) -> str | None:
    """Why the processes of one row are not alike."""
    if len({result.artifact.sha256 for result in results}) > 1:
        return "several files of this name on one side"
    if len({result.device for result in results}) > 1:
        return "several devices on one side"
    return None


def _incomparable(ones: Sequence[float], others: Sequence[float], metric: Metric) -> str | None:
    """Why the numbers of two sets of processes say nothing."""
    if not ones or not others:
        return f"no {metric.title} {'after' if ones else 'before'}"
    if min(*ones, *others) <= 0:
        return f"a {metric.title} of 0 {metric.unit}"
    if critical_rank_sum(len(ones), len(others)) is None:
        return f"too few processes: {len(ones)} and {len(others)}; give --rounds 4 or more"
    return None


def _verdict(ratio: Estimate | None) -> RowVerdict:
    if ratio is None:
        return RowVerdict.UNDECIDED
    if ratio.low > 1:
        return RowVerdict.WORSE
    return RowVerdict.BETTER if ratio.high < 1 else RowVerdict.INDISTINGUISHABLE


RATIO_DIGITS = 3


def comparison_table(comparisons: Sequence[RowComparison], metric: str) -> str:
    """A markdown table with a verdict on each row, and what it rests on.

    Args:
        comparisons: at least one.
        metric: name in METRICS that they are of.
    """
    of = METRICS[metric]
    header = (
        "artifact",
        "runtime",
        "threads",
        f"before {of.unit}",
        f"after {of.unit}",
        "processes",
        f"after / before [{CONFIDENCE_PERCENT:g} %]",
        "verdict",
    )
    return "\n".join(
        [
            f"{of.title.capitalize()}, medians over processes; the ratio is the Hodges-Lehmann "
            "estimate over process medians with its exact rank-sum interval, and a row is "
            f"indistinguishable where that holds 1. Of rows without a difference "
            f"{100 - CONFIDENCE_PERCENT:g} in 100 at most come out as different by chance, more "
            "if the machine drifted between the two runs.",
            "",
            markdown_table(header, [_cells(one, of) for one in comparisons]),
        ]
    )


def _cells(one: RowComparison, metric: Metric) -> list[str]:
    return [
        one.key.artifact,
        f"{one.key.runtime} {one.key.backend}",
        UNKNOWN if one.key.threads is None else str(one.key.threads),
        *(f"{median(side):.2f}" if side else UNKNOWN for side in (one.before, one.after)),
        f"{len(one.before)}, {len(one.after)}",
        with_interval(one.ratio, RATIO_DIGITS) if one.ratio else UNKNOWN,
        verdict_text(one, metric),
    ]


def verdict_text(one: RowComparison, metric: Metric) -> str:
    """Such as `slower`, or `undecided: too few processes: 3 and 3`."""
    words = {RowVerdict.BETTER: metric.better, RowVerdict.WORSE: metric.worse}
    word = words.get(one.verdict, one.verdict.value)
    return f"{word}: {one.reason}" if one.reason else word
