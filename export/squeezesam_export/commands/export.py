"""`squeezesam export`: weights to artifacts for phones, with one manifest."""

import argparse
from functools import partial
from pathlib import Path

from squeezesam_export.network_options import NETWORK_OPTIONS

HELP = "export weights for ONNX Runtime, Core ML and ExecuTorch"
GROUP = "ship"
EXAMPLE = "squeezesam export --target onnx,coreml --precision fp16,int8 --out artifacts"
DEFAULT_TARGETS = "onnx,coreml,executorch"
DEFAULT_PRECISIONS = "fp32,fp16,int8"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--target",
        default=DEFAULT_TARGETS,
        help="comma-separated, of onnx, coreml, executorch, executorch-coreml "
        f"(default {DEFAULT_TARGETS})",
    )
    parser.add_argument(
        "--precision",
        default=DEFAULT_PRECISIONS,
        help=f"comma-separated, of fp32, fp16, int8, w8a16, int8-weights, palette6, palette4, "
        "or all that each target has "
        f"(default {DEFAULT_PRECISIONS})",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="directory; an earlier export in it is replaced"
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="8 or more photos like your app's, for int8 (default: shipped photos)",
    )
    parser.add_argument(
        "--keep-float",
        default="",
        metavar="BLOCKS",
        help="comma-separated blocks of the network that quantization leaves in float",
    )
    for options in NETWORK_OPTIONS:
        options.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Export, one progress line for each artifact."""
    from squeezesam_export.bundle.artifacts import bundle_digest
    from squeezesam_export.bundle.exporting import ExportOptions, export

    options = ExportOptions(
        targets=tuple(args.target.split(",")),
        precisions=tuple(args.precision.split(",")),
        networks=tuple(choice for options in NETWORK_OPTIONS for choice in options.chosen(args)),
        calibration=args.calibration,
        keep_float=tuple(filter(None, args.keep_float.split(","))),
    )
    export(options, args.out, partial(print, flush=True))
    print(f"bundle SHA-256: {bundle_digest(args.out)}")
    print(f"wrote {args.out}; check it with: squeezesam verify {args.out}")
