"""`squeezesam bench run`: time the artifacts of an export directory on one of the devices."""

import argparse
from pathlib import Path

from squeezesam_benchmarks.arm64.emulator import CPUS, DEFAULT_CPU
from squeezesam_benchmarks.commands.timing_options import (
    add_place_arguments,
    add_timing_arguments,
    protocol_of,
    say,
    threads_of,
)
from squeezesam_benchmarks.devices import DEVICE_MODULES, DeviceOptions, open_device
from squeezesam_benchmarks.interleaving import time_all

HELP = "time the artifacts of an export directory"
EXAMPLE = "squeezesam bench run --artifacts artifacts --threads 1,2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--artifacts", type=Path, required=True, help="an export directory")
    add_place_arguments(parser, DEVICE_MODULES)
    parser.add_argument("--cpu", help=f"to emulate: {', '.join(CPUS)} (default {DEFAULT_CPU})")
    parser.add_argument(
        "--cases",
        type=int,
        default=DeviceOptions.cases,
        help=f"golden cases to compare where emulated (default {DeviceOptions.cases})",
    )
    parser.add_argument(
        "--app",
        action="store_true",
        default=None,
        help="have the demo app on an Android phone time what was built into it",
    )
    parser.add_argument("--cache", type=Path, default=DeviceOptions.cache, help="for what is built")
    add_timing_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Time the artifacts of an export directory, or count their instructions.

    Raises:
        VerificationError: an emulated processor answers with other masks than this machine.
    """
    from squeezesam_benchmarks.results.agreement import check_agreement
    from squeezesam_benchmarks.results.report import report
    from squeezesam_benchmarks.subjects import exported_subjects

    protocol, threads = protocol_of(args), threads_of(args)
    options = DeviceOptions(
        device=args.device,
        cpu=args.cpu,
        runners=args.runners,
        app=args.app,
        cache=args.cache.expanduser(),
        compute_units=args.compute_units,
        cases=args.cases,
        tell=say,
    )
    with open_device(args.on, options) as device:
        subjects = exported_subjects(args.artifacts, device)
        results = time_all(device, subjects, threads, protocol, args.out, say)
    print(report(results))
    check_agreement(results)
