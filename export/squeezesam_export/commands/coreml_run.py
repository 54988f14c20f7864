"""`squeezesam coreml-run`: any .mlpackage on any platform, in the reference interpreter."""

import argparse
from pathlib import Path

from squeezesam.inference.prompt_text import POINT_FORM

HELP = "run a Core ML package on any platform, operator by operator"
GROUP = "use"
EXAMPLE = "squeezesam coreml-run model.mlpackage --input photo.jpg"
ARRAY_SUFFIX = ".npy"
ARCHIVE_SUFFIX = ".npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("package", type=Path, help="an .mlpackage that holds an ML Program")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help=f"a picture, or numpy's {ARRAY_SUFFIX} for an array, or an {ARCHIVE_SUFFIX} with an "
        "array for each input; repeat for several inputs, leave all out to see which there are. A "
        "folder runs the package once for each file in it",
    )
    parser.add_argument(
        "--case",
        type=int,
        default=0,
        metavar="ROW",
        help=f"of a golden {ARCHIVE_SUFFIX}, counted from 0 (default 0)",
    )
    parser.add_argument(
        "--point",
        action="append",
        default=[],
        metavar=POINT_FORM,
        help="for a package of 'squeezesam export' and a photo: a click in its pixels, as of "
        "'squeezesam segment'",
    )
    parser.add_argument("--box", metavar="X0,Y0,X1,Y1", help="likewise, a box around the object")
    parser.add_argument(
        "--out",
        type=Path,
        metavar=f"FILE{ARCHIVE_SUFFIX}",
        help="write all outputs as arrays; for a folder of inputs, a folder",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="PACKAGE",
        help="compare the outputs with those of another .mlpackage of the same network, and name "
        "the first operator whose results differ",
    )
    parser.add_argument(
        "--bound",
        type=float,
        default=40.0,
        metavar="DB",
        help="SQNR in decibels below which the results of an operator differ (default 40)",
    )


def run(args: argparse.Namespace) -> None:
    """Run the package and print what it answers."""
    from squeezesam_export.commands.coreml_running import run_package

    run_package(args)
