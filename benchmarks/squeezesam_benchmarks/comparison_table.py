"""A comparison of two sets of results as text."""

from collections.abc import Sequence
from statistics import median

from squeezesam.tables import markdown_table
from squeezesam_benchmarks.cells import UNKNOWN, with_interval
from squeezesam_benchmarks.comparison import Comparison, Verdict
from squeezesam_benchmarks.metrics import METRICS, Metric
from squeezesam_benchmarks.statistics import CONFIDENCE_PERCENT

RATIO_DIGITS = 3


def comparison_table(comparisons: Sequence[Comparison], metric: str) -> str:
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


def _cells(one: Comparison, metric: Metric) -> list[str]:
    return [
        one.key.artifact,
        f"{one.key.runtime} {one.key.backend}",
        UNKNOWN if one.key.threads is None else str(one.key.threads),
        *(f"{median(side):.2f}" if side else UNKNOWN for side in (one.before, one.after)),
        f"{len(one.before)}, {len(one.after)}",
        with_interval(one.ratio, RATIO_DIGITS) if one.ratio else UNKNOWN,
        verdict_text(one, metric),
    ]


def verdict_text(one: Comparison, metric: Metric) -> str:
    """Such as `slower`, or `undecided: too few processes: 3 and 3`."""
    words = {Verdict.BETTER: metric.better, Verdict.WORSE: metric.worse}
    word = words.get(one.verdict, one.verdict.value)
    return f"{word}: {one.reason}" if one.reason else word
