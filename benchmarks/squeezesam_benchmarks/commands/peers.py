"""`squeezesam bench peers`: our networks beside others of the same purpose."""

import argparse
from pathlib import Path

from squeezesam_benchmarks.commands.timing_options import (
    add_timing_arguments,
    protocol_of,
    say,
    threads_of,
)
from squeezesam_benchmarks.peers.comparison import PURPOSES, PeerOptions, time_peers
from squeezesam_benchmarks.peers.report import peers_report

HELP = (
    "time one click of base, nano and reference beside networks of MobileSAM's and EfficientSAM's "
    "shape, or the salient-object detector beside one of U2-Netp's, and any ONNX of yours"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    purposes = list(PURPOSES)
    parser.add_argument(
        "--purpose",
        choices=purposes,
        default=purposes[0],
        help="what the networks are for (default %(default)s)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        metavar="ONNX",
        help="a model of yours to time beside them; repeat for more",
    )
    add_timing_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Time them all in one interleaved run and print the ratios."""
    purpose = PURPOSES[args.purpose]
    options = PeerOptions(purpose, tuple(args.model), threads_of(args), protocol_of(args))
    print(peers_report(time_peers(options, args.out, say), purpose.variants[0]))
