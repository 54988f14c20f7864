"""What the verbs that time artifacts have in common on the command line."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.devices import BROWSER_BACKENDS
from squeezesam_benchmarks.ios.app import COMPUTE_UNITS
from squeezesam_benchmarks.protocol import Protocol

DEFAULTS = Protocol()
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


def add_place_arguments(parser: argparse.ArgumentParser, places: Iterable[str]) -> None:
    """Declare where to time, and how to find it.

    Args:
        parser: of the verb.
        places: keys of DEVICE_MODULES that the verb knows, the usual one first.
    """
    first, *others = places
    known = ", ".join((first, *others))
    parser.add_argument("--on", default=first, help=f"{known} (default {first})")
    parser.add_argument(
        "--device",
        help="serial number or UDID, where several are connected; for --on web, address: "
        "wait for a browser that you open",
    )
    parser.add_argument(
        "--runners",
        type=Path,
        help="built runners for the device; for --on web, a node_modules folder",
    )
    parser.add_argument(
        "--compute-units",
        help=f"of Core ML: {', '.join(COMPUTE_UNITS)}; of a browser: {', '.join(BROWSER_BACKENDS)}",
    )


def add_timing_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare numbers of threads, the results file and the protocol."""
    parser.add_argument("--threads", help="numbers of threads, such as 1,2")
    parser.add_argument("--out", type=Path, default=Path("results.jsonl"), help="added to")
    add_protocol_arguments(parser)


def protocol_of(args: argparse.Namespace) -> Protocol:
    """The protocol that the options describe.

    Raises:
        ConfigError: it would measure nothing.
    """
    fields = (field for field, _ in PROTOCOL_OPTIONS.values())
    return Protocol(**{field: getattr(args, field) for field in fields})


def threads_of(args: argparse.Namespace) -> tuple[int, ...]:
    """Numbers of threads as written on the command line; none for the device's usual ones.

    Raises:
        ConfigError: not whole numbers.
    """
    if args.threads is None:
        return ()
    try:
        return tuple(int(part) for part in args.threads.split(","))
    except ValueError as error:
        raise ConfigError(f"--threads {args.threads!r} is not a list such as 1,2") from error


def say(line: str) -> None:
    """Show progress beside the table, which goes to standard output."""
    print(line, file=sys.stderr, flush=True)
