"""`squeezesam bench`: latency of artifacts on this machine, raw samples first, tables after."""

import argparse
import sys
import tempfile
from pathlib import Path

from squeezesam.errors import ConfigError, DataError
from squeezesam_benchmarks.commands import arm64
from squeezesam_benchmarks.host import check_threads
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.report import report
from squeezesam_benchmarks.results_file import read_results
from squeezesam_benchmarks.rows import check_baseline
from squeezesam_benchmarks.scheme_comparison import SchemeOptions, compare_schemes
from squeezesam_benchmarks.subjects import exported_subjects, random_subjects
from squeezesam_benchmarks.timing import time_all

HELP = "time artifacts on this machine and report on the samples"
DEFAULTS = Protocol()
REFERENCE = "reference"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    timing = verbs.add_parser("run", help="time the artifacts of an export directory")
    timing.add_argument("--artifacts", type=Path, required=True, help="an export directory")
    timing.set_defaults(work=run_artifacts)
    comparing = verbs.add_parser(
        "compare-reference", help="time base and nano beside the reference network, fp32"
    )
    comparing.set_defaults(work=compare_reference)
    for verb in (timing, comparing):
        verb.add_argument("--threads", default="1,2", help="numbers of threads (default 1,2)")
        verb.add_argument("--out", type=Path, default=Path("results.jsonl"), help="added to")
    schemes = verbs.add_parser(
        "schemes", help="accuracy, size and latency of every runtime and precision, one table"
    )
    schemes.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="DIR", help="a column for each"
    )
    schemes.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="an export; default: export everything"
    )
    schemes.add_argument("--weights", type=Path, help="of the export; default: shipped weights")
    schemes.add_argument("--limit", type=int, help="only N photos of each data set")
    schemes.add_argument("--out", type=Path, required=True, help="folder; goes on if interrupted")
    schemes.set_defaults(work=print_schemes)
    for verb in (timing, comparing, schemes):
        verb.add_argument("--rounds", type=int, default=DEFAULTS.rounds)
        verb.add_argument("--iterations", type=int, default=DEFAULTS.timed_inferences)
    emulating = verbs.add_parser("arm64", help=arm64.HELP)
    arm64.add_arguments(emulating)
    emulating.set_defaults(work=arm64.check_artifacts)
    reporting = verbs.add_parser("report", help="tables of a results file")
    reporting.add_argument("results", type=Path)
    reporting.add_argument("--baseline", help="artifact or variant to compare each row with")
    reporting.set_defaults(work=print_report)


def run(args: argparse.Namespace) -> None:
    """Do what the verb says."""
    args.work(args)


def run_artifacts(args: argparse.Namespace) -> None:
    """Time the artifacts of an export directory."""
    protocol, threads = protocol_of(args), threads_of(args)
    print(report(time_all(exported_subjects(args.artifacts), threads, protocol, args.out, say)))


def compare_reference(args: argparse.Namespace) -> None:
    """Time fresh artifacts of every variant, and say how many times faster they are."""
    protocol, threads = protocol_of(args), threads_of(args)
    variants, targets = ("base", "nano", REFERENCE), ("onnx", "executorch")
    with tempfile.TemporaryDirectory() as folder:
        subjects = random_subjects(variants, targets, Path(folder), say)
        results = time_all(subjects, threads, protocol, args.out, say)
    print(report(results, REFERENCE))


def print_schemes(args: argparse.Namespace) -> None:
    """Compare every runtime in every precision."""
    options = SchemeOptions(
        tuple(args.data), args.artifacts, args.weights, args.limit, protocol_of(args)
    )
    print(compare_schemes(options, args.out, say))


def print_report(args: argparse.Namespace) -> None:
    """Print the tables of a results file."""
    results = read_results(args.results)
    if not results:
        raise DataError(f"{args.results} holds no results; make some with `squeezesam bench run`")
    if args.baseline is not None:
        check_baseline(results, args.baseline)
    print(report(results, args.baseline))


def say(line: str) -> None:
    """Show progress beside the table, which goes to standard output."""
    print(line, file=sys.stderr, flush=True)


def protocol_of(args: argparse.Namespace) -> Protocol:
    """The protocol that the options describe.

    Raises:
        ConfigError: it would measure nothing.
    """
    return Protocol(timed_inferences=args.iterations, rounds=args.rounds)


def threads_of(args: argparse.Namespace) -> tuple[int, ...]:
    """Numbers of threads as written on the command line.

    Raises:
        ConfigError: not whole numbers, or more than this machine can pin.
    """
    try:
        threads = tuple(int(part) for part in args.threads.split(","))
    except ValueError as error:
        raise ConfigError(f"--threads {args.threads!r} is not a list such as 1,2") from error
    check_threads(threads)
    return threads
