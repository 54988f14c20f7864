"""`squeezesam bench`: latency of artifacts anywhere, raw samples first, tables after."""

import argparse
import sys
from pathlib import Path

from squeezesam.errors import ConfigError, DataError
from squeezesam_benchmarks.arm64.agreement import check_agreement
from squeezesam_benchmarks.arm64.cpus import CPUS, DEFAULT_CPU
from squeezesam_benchmarks.commands import profile
from squeezesam_benchmarks.ios.app import COMPUTE_UNITS
from squeezesam_benchmarks.peers.comparison import PeerOptions, time_peers
from squeezesam_benchmarks.peers.report import peers_report
from squeezesam_benchmarks.places import PLACE_MODULES, PlaceOptions, open_place
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.report import report
from squeezesam_benchmarks.results_file import read_results
from squeezesam_benchmarks.rows import check_baseline
from squeezesam_benchmarks.scheme_comparison import SchemeOptions, compare_schemes
from squeezesam_benchmarks.subjects import exported_subjects
from squeezesam_benchmarks.timing import time_all

HELP = "time artifacts on this machine or a phone, and report on the samples"
DEFAULTS = Protocol()
PEERS_HELP = (
    "time one click of base, nano and reference beside networks of MobileSAM's and EfficientSAM's "
    "shape, and any ONNX of yours"
)
PROTOCOL_OPTIONS = {
    "--rounds": ("rounds", "fresh processes for each artifact"),
    "--iterations": ("timed_inferences", "timed inferences of each process, at least"),
    "--time-budget": ("time_budget_s", "seconds that they go on for"),
    "--warm-up": ("warm_up_inferences", "untimed inferences after the first"),
    "--pipelines": ("pipeline_runs", "timed runs from photo to mask"),
    "--sustained": ("sustained_s", "seconds of inference without a pause, after the rest"),
    "--cool-down": ("cool_down_s", "seconds of rest before each process"),
    "--thermal-gate": ("thermal_gate_s", "seconds to wait for a throttling device"),
}
"""Fields of the protocol that the command line sets, and what they mean."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    timing = verbs.add_parser("run", help="time the artifacts of an export directory")
    timing.add_argument("--artifacts", type=Path, required=True, help="an export directory")
    timing.add_argument("--on", default="host", help=f"{', '.join(PLACE_MODULES)} (default host)")
    timing.add_argument("--device", help="serial number or UDID, where several are connected")
    timing.add_argument("--cpu", help=f"to emulate: {', '.join(CPUS)} (default {DEFAULT_CPU})")
    timing.add_argument(
        "--cases",
        type=int,
        default=PlaceOptions.cases,
        help=f"golden cases to compare where emulated (default {PlaceOptions.cases})",
    )
    timing.add_argument("--runners", type=Path, help="built runners for the device")
    timing.add_argument("--cache", type=Path, default=PlaceOptions.cache, help="for what is built")
    timing.add_argument("--compute-units", help=f"of Core ML: {', '.join(COMPUTE_UNITS)}")
    timing.set_defaults(work=run_artifacts)
    comparing = verbs.add_parser("peers", help=PEERS_HELP)
    comparing.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        metavar="ONNX",
        help="a model of yours to time beside them; repeat for more",
    )
    comparing.set_defaults(work=compare_peers)
    for verb in (timing, comparing):
        verb.add_argument("--threads", help="numbers of threads, such as 1,2")
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
        add_protocol_arguments(verb)
    profiling = verbs.add_parser("profile", help=profile.HELP)
    profile.add_arguments(profiling)
    profiling.set_defaults(work=profile.profile_artifacts)
    reporting = verbs.add_parser("report", help="tables of a results file")
    reporting.add_argument("results", type=Path)
    reporting.add_argument("--baseline", help="artifact or variant to compare each row with")
    reporting.set_defaults(work=print_report)


def add_protocol_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may be changed of the protocol, under the names of PROTOCOL_OPTIONS."""
    for option, (field, meaning) in PROTOCOL_OPTIONS.items():
        default = getattr(DEFAULTS, field)
        parser.add_argument(
            option,
            dest=field,
            type=type(default),
            default=default,
            help=f"{meaning} (default {default:g})",
        )


def run(args: argparse.Namespace) -> None:
    """Do what the verb says."""
    args.work(args)


def run_artifacts(args: argparse.Namespace) -> None:
    """Time the artifacts of an export directory, or count their instructions.

    Raises:
        VerificationError: an emulated processor answers with other masks than this machine.
    """
    protocol, threads = protocol_of(args), threads_of(args)
    options = PlaceOptions(
        device=args.device,
        cpu=args.cpu,
        runners=args.runners,
        cache=args.cache.expanduser(),
        compute_units=args.compute_units,
        cases=args.cases,
        tell=say,
    )
    with open_place(args.on, options) as place:
        subjects = exported_subjects(args.artifacts, place)
        results = time_all(place, subjects, threads, protocol, args.out, say)
    print(report(results))
    check_agreement(results)


def compare_peers(args: argparse.Namespace) -> None:
    """Time our networks beside others of the same purpose."""
    options = PeerOptions(tuple(args.model), threads_of(args), protocol_of(args))
    print(peers_report(time_peers(options, args.out, say)))


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
    fields = (field for field, _ in PROTOCOL_OPTIONS.values())
    return Protocol(**{field: getattr(args, field) for field in fields})


def threads_of(args: argparse.Namespace) -> tuple[int, ...]:
    """Numbers of threads as written on the command line; none for the place's usual ones.

    Raises:
        ConfigError: not whole numbers.
    """
    if args.threads is None:
        return ()
    try:
        return tuple(int(part) for part in args.threads.split(","))
    except ValueError as error:
        raise ConfigError(f"--threads {args.threads!r} is not a list such as 1,2") from error
