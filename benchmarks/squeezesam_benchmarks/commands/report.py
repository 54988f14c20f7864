"""`squeezesam bench report`: tables of results files, and a page with charts."""

import argparse
from pathlib import Path

from squeezesam.errors import DataError
from squeezesam_benchmarks.results.records import read_results

HELP = "tables of results files, and a page with charts"
EXAMPLE = "squeezesam bench report results.jsonl --html report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("results", type=Path, nargs="+", help="results files")
    parser.add_argument("--baseline", help="artifact or variant to compare each row with")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with charts")


def run(args: argparse.Namespace) -> None:
    """Print the tables, and write the page.

    Raises:
        ConfigError: no results of such a baseline.
        DataError: a file cannot be read, or there are no results.
        MissingDependencyError: what draws the page is not installed.
        OutputError: the page cannot be written.
    """
    from squeezesam_benchmarks.page.html_report import write_page
    from squeezesam_benchmarks.results.report import report
    from squeezesam_benchmarks.results.rows import check_baseline

    results = [result for path in args.results for result in read_results(path)]
    if not results:
        names = ", ".join(map(str, args.results))
        raise DataError(f"{names} holds no results; make some with `squeezesam bench run`")
    if args.baseline is not None:
        check_baseline(results, args.baseline)
    if args.html is not None:
        write_page(results, args.baseline, args.html)
    print(report(results, args.baseline))
