"""`squeezesam bench compare`: two results files, a verdict on each row, for people and for CI."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.errors import ConfigError, DataError, RegressionError
from squeezesam_benchmarks.results.metrics import METRICS
from squeezesam_benchmarks.results.records import read_results

if TYPE_CHECKING:
    from squeezesam_benchmarks.results.comparison import RowComparison

HELP = "say of each row whether it became faster, slower or neither"
EXAMPLE = "squeezesam bench compare before.jsonl after.jsonl --max-slower 5"
DEFAULT_METRIC = "model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("before", type=Path, help="results file")
    parser.add_argument("after", type=Path, help="results file to judge against it")
    parser.add_argument(
        "--metric",
        default=DEFAULT_METRIC,
        help=f"{', '.join(METRICS)} (default {DEFAULT_METRIC})",
    )
    parser.add_argument(
        "--max-slower",
        type=float,
        metavar="PERCENT",
        help="fail where a row is slower by more; default: only report",
    )


def run(args: argparse.Namespace) -> None:
    """Print the verdicts, and fail where one is worse than allowed.

    Raises:
        ConfigError: no such metric, or a bound that is none.
        DataError: a file cannot be read, there is nothing to compare, or rows that a bound is on
            cannot be judged.
        RegressionError: rows are slower by more than the bound.
    """
    from squeezesam_benchmarks.results.comparison import (
        compare_results,
        comparison_table,
        differences,
        rows_missing,
    )

    if args.max_slower is not None and not 0 <= args.max_slower < float("inf"):
        raise ConfigError(f"--max-slower {args.max_slower:g} bounds nothing; give 0 or more")
    before, after = read_results(args.before), read_results(args.after)
    comparisons = compare_results(before, after, args.metric)
    if not comparisons:
        raise DataError(
            f"{args.before} and {args.after} share no timed row; compare runs of the same "
            "artifacts, runtimes, threads and kind of device"
        )
    for difference in differences(before, after):
        print(f"warning: {difference}", file=sys.stderr)
    print(comparison_table(comparisons, args.metric))
    gone, added = rows_missing(before, after), rows_missing(after, before)
    if args.max_slower is not None:
        check_bound(comparisons, args.metric, args.max_slower)
        if gone:
            raise DataError(
                f"--max-slower cannot be judged: {args.after} lacks {'; '.join(map(str, gone))}"
            )
    for path, rows in ((args.before, gone), (args.after, added)):
        if rows:
            print(f"\nOnly in {path}: {'; '.join(map(str, rows))}")


def check_bound(
    comparisons: "Sequence[RowComparison]", metric: str, max_slower_percent: float
) -> None:
    """Pass only where every row was judged and none is worse than allowed.

    A row counts as worse where its interval excludes 1 and its estimate is beyond the bound.

    Raises:
        DataError: a row cannot be judged.
        RegressionError: a row is worse.
    """
    from squeezesam_benchmarks.results.comparison import RowVerdict, verdict_text

    of, limit = METRICS[metric], 1 + max_slower_percent / 100
    regressions = [
        f"{one.key} {of.worse} by {100 * (one.ratio.value - 1):.1f} %"
        for one in comparisons
        if one.ratio is not None and one.verdict is RowVerdict.WORSE and one.ratio.value > limit
    ]
    if regressions:
        raise RegressionError(
            f"{of.title} beyond --max-slower {max_slower_percent:g}: {'; '.join(regressions)}"
        )
    for one in comparisons:
        if one.ratio is not None and one.ratio.value <= limit < one.ratio.high:
            print(
                f"warning: {one.key} may be beyond the bound, by its interval; give more --rounds",
                file=sys.stderr,
            )
    unjudged = [
        f"{one.key} {verdict_text(one, of)}"
        for one in comparisons
        if one.verdict is RowVerdict.UNDECIDED
    ]
    if unjudged:
        raise DataError(f"--max-slower cannot be judged: {'; '.join(unjudged)}")
