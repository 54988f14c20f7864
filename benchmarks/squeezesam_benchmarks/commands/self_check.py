"""`squeezesam bench self-check`: what the harness adds, and whether equal runs look equal."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.environment import typed_command
from squeezesam.errors import ConfigError, VerificationError
from squeezesam_benchmarks.commands.timing_options import (
    add_protocol_arguments,
    protocol_of,
    say,
)

if TYPE_CHECKING:
    from squeezesam_benchmarks.results.comparison import RowComparison

HELP = "measure what the harness adds, and how often two equal runs look different"
EXAMPLE = "squeezesam bench self-check --artifacts artifacts --pairs 10"
THREADS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--artifacts", type=Path, required=True, help="an export directory")
    parser.add_argument("--pairs", type=int, default=10, help="of runs (default 10)")
    add_protocol_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Measure and print both.

    Raises:
        ConfigError: no pairs.
        VerificationError: the harness adds too much, or equal runs look different too often.
    """
    from squeezesam_benchmarks.host import Host
    from squeezesam_benchmarks.self_check import (
        INFERENCE_MS,
        MAX_OVERHEAD_PERCENT,
        overhead_percent,
        repeat,
    )
    from squeezesam_benchmarks.subjects import exported_subjects

    if args.pairs < 1:
        raise ConfigError(f"--pairs {args.pairs} compares nothing; give at least 1")
    host, protocol = Host(), protocol_of(args)
    subjects = exported_subjects(args.artifacts, host)
    overhead = overhead_percent()
    print(f"the harness adds {overhead:.3f} % to an inference of {INFERENCE_MS:g} ms", flush=True)
    failures = []
    if overhead >= MAX_OVERHEAD_PERCENT:
        failures.append(f"{overhead:.2f} % of overhead")
    for subject in subjects:
        found = repeat(host, subject, THREADS, protocol, args.pairs, typed_command(), show)
        said = f"{found.indistinguishable} of {args.pairs} pairs of {found.artifact}"
        print(f"{said} indistinguishable", flush=True)
        if not found.passes:
            failures.append(f"only {said} indistinguishable")
    if failures:
        raise VerificationError("; ".join(failures))


def show(comparison: "RowComparison") -> None:
    """Tell of a pair that is done, beside the sums, which go to standard output."""
    from squeezesam_benchmarks.results.formatting import with_interval

    ratio = with_interval(comparison.ratio, digits=3) if comparison.ratio else comparison.reason
    say(f"  {comparison.verdict}: {ratio}")
