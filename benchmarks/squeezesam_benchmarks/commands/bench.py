"""`squeezesam bench`: latency of artifacts anywhere, raw samples first, tables after."""

import argparse
import sys
import tempfile
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.commands import arm64
from squeezesam_benchmarks.commands import compare as compare_command
from squeezesam_benchmarks.commands import report as report_command
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.places import PLACE_MODULES, PlaceOptions, open_place
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.report import report
from squeezesam_benchmarks.scheme_comparison import SchemeOptions, compare_schemes
from squeezesam_benchmarks.subjects import exported_subjects, random_subjects
from squeezesam_benchmarks.timing import time_all

HELP = "time artifacts on this machine or a phone, and report on the samples"
DEFAULTS = Protocol()
REFERENCE = "reference"
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
    timing.add_argument("--cpu", help="to emulate")
    timing.add_argument("--runners", type=Path, help="built runners for the device")
    timing.add_argument("--cache", type=Path, default=PlaceOptions.cache, help="for what is built")
    timing.set_defaults(work=run_artifacts)
    comparing = verbs.add_parser(
        "compare-reference", help="time base and nano beside the reference network, fp32"
    )
    comparing.set_defaults(work=compare_reference)
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
    emulating = verbs.add_parser("arm64", help=arm64.HELP)
    arm64.add_arguments(emulating)
    emulating.set_defaults(work=arm64.check_artifacts)
    for name, command, work in (
        ("report", report_command, report_command.report_files),
        ("compare", compare_command, compare_command.compare_files),
    ):
        reading = verbs.add_parser(name, help=command.HELP)
        command.add_arguments(reading)
        reading.set_defaults(work=work)


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
    """Time the artifacts of an export directory."""
    protocol, threads = protocol_of(args), threads_of(args)
    options = PlaceOptions(args.device, args.cpu, args.runners, args.cache.expanduser())
    with open_place(args.on, options) as place:
        subjects = exported_subjects(args.artifacts, place)
        print(report(time_all(place, subjects, threads, protocol, args.out, say)))


def compare_reference(args: argparse.Namespace) -> None:
    """Time fresh artifacts of every variant, and say how many times faster they are."""
    protocol, threads = protocol_of(args), threads_of(args)
    host = Host()
    if threads:
        host.check_threads(threads)  # before minutes of exporting
    variants, targets = ("base", "nano", REFERENCE), ("onnx", "executorch")
    with tempfile.TemporaryDirectory() as folder:
        subjects = random_subjects(variants, targets, Path(folder), say)
        results = time_all(host, subjects, threads, protocol, args.out, say)
    print(report(results, REFERENCE))


def print_schemes(args: argparse.Namespace) -> None:
    """Compare every runtime in every precision."""
    options = SchemeOptions(
        tuple(args.data), args.artifacts, args.weights, args.limit, protocol_of(args)
    )
    print(compare_schemes(options, args.out, say))


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
