"""`squeezesam bench schemes`: every runtime in every precision, in one table."""

import argparse
from pathlib import Path

from squeezesam_benchmarks.commands.timing_options import (
    add_protocol_arguments,
    protocol_of,
    say,
)

HELP = "accuracy, size and latency of every runtime and precision, one table"
EXAMPLE = "squeezesam bench schemes --data DATA/val/people --out schemes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="DIR", help="a column for each"
    )
    parser.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="an export; default: export everything"
    )
    parser.add_argument("--weights", type=Path, help="of the export; default: shipped weights")
    parser.add_argument("--limit", type=int, help="only N photos of each data set")
    parser.add_argument("--out", type=Path, required=True, help="folder; goes on if interrupted")
    add_protocol_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Export, evaluate, time, and print the table."""
    from squeezesam_benchmarks.schemes import SchemeOptions, compare_schemes

    options = SchemeOptions(
        tuple(args.data), args.artifacts, args.weights, args.limit, protocol_of(args)
    )
    print(compare_schemes(options, args.out, say))
