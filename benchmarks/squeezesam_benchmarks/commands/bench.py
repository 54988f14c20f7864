"""`squeezesam bench`: latency of artifacts anywhere, raw samples first, tables after."""

import argparse

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
from squeezesam_benchmarks.interruption import unwinding_signals

HELP = "time artifacts on this machine or a phone, and report on the samples"
VERBS = {
    "run": run_artifacts,
    "peers": peers,
    "salient": salient,
    "schemes": schemes,
    "profile": profile,
    "report": report,
    "compare": compare,
    "self-check": self_check,
}
"""A verb is a module with HELP, add_arguments(parser) and run(args)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        subparser = verbs.add_parser(name, help=verb.HELP, description=verb.HELP)
        verb.add_arguments(subparser)
        subparser.set_defaults(work=verb.run)


def run(args: argparse.Namespace) -> None:
    """Do what the verb says; when told to end, leave nothing behind on this machine or a phone."""
    with unwinding_signals():
        args.work(args)
