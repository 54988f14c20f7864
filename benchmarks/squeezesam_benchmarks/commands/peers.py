"""`squeezesam bench peers`: our networks beside others of the same purpose."""

import argparse
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.commands.timing_options import (
    add_timing_arguments,
    protocol_of,
    say,
    threads_of,
)

HELP = (
    "time first and later clicks of base, nano and reference beside networks of MobileSAM's, "
    "EfficientSAM's and EdgeTAM's shape, or the salient-object detector beside one of U2-Netp's, "
    "and any ONNX of yours"
)
EXAMPLE = "squeezesam bench peers --purpose clicks --model other.onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--purpose",
        default="clicks",
        help="what the networks are for: clicks or saliency (default %(default)s)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        metavar="ONNX",
        help="a model of yours to time beside them; repeat for more",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        action="append",
        default=[],
        metavar="WEIGHTS",
        help="of a peer, from `squeezesam convert`, in the place of random ones; repeat for more",
    )
    add_timing_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Time them all in one interleaved run and print the ratios.

    Raises:
        ConfigError: an unknown purpose, two models that a report could not tell apart, or weights
            of no peer.
    """
    from squeezesam_benchmarks.peers.comparison import PURPOSES, PeerOptions, time_peers
    from squeezesam_benchmarks.peers.report import peers_report

    if args.purpose not in PURPOSES:
        raise ConfigError(f"unknown --purpose {args.purpose!r}; choose from {', '.join(PURPOSES)}")
    purpose = PURPOSES[args.purpose]
    files = tuple(args.model), tuple(args.weights)
    options = PeerOptions(purpose, *files, threads_of(args), protocol_of(args))
    print(peers_report(time_peers(options, args.out, say), purpose.variants[0]))
