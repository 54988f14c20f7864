"""`squeezesam bench`: latency of artifacts anywhere, raw samples first, tables after."""

import argparse
import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from squeezesam.cli import Verb, add_verb
from squeezesam_benchmarks.commands import (
    compare,
    peers,
    profile,
    report,
    run_artifacts,
    salient,
    schemes,
    self_check,
)

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def unwinding_signals() -> Iterator[None]:
    """Within the block, SIGTERM and a closed terminal raise SystemExit, as Ctrl-C interrupts."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where signals never arrive
        return

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - shared signature
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


HELP = "time artifacts on this machine or a phone, and report on the samples"
GROUP = "measure"
EXAMPLE = "squeezesam bench run --artifacts artifacts --threads 1,2"
VERBS: dict[str, Verb] = {
    "run": run_artifacts,
    "peers": peers,
    "salient": salient,
    "schemes": schemes,
    "profile": profile,
    "report": report,
    "compare": compare,
    "self-check": self_check,
}
"""Modules of the form of `squeezesam.cli.Verb`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        subparser = add_verb(verbs, name, verb, help=verb.HELP)
        subparser.set_defaults(work=verb.run)


def run(args: argparse.Namespace) -> None:
    """Do what the verb says; when told to end, leave nothing behind on this machine or a phone."""
    with unwinding_signals():
        args.work(args)
