"""`squeezesam segment`: photos to masks, overlays and cutouts, with clicks or without."""

import argparse
from pathlib import Path

from squeezesam.inference.prompt_text import POINT_FORM
from squeezesam.networks.configs import DEFAULT_VARIANT

HELP = "cut the object under your clicks, or the most prominent one, out of photos"
GROUP = "use"
EXAMPLE = "squeezesam segment photo.jpg --point 155,200 --cutout cutout.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "photo",
        type=Path,
        nargs="+",
        help="photos and folders. A folder stands for the photos in it, but not for those in "
        "folders inside or for pictures that this command wrote. With a folder or several photos, "
        "--out, --overlay, --cutout and --explain name folders, and the pictures in them are named "
        "after the photos",
    )
    parser.add_argument(
        "--point",
        action="append",
        default=[],
        metavar=POINT_FORM,
        help="a click in photo pixels, or as 50%%,40%% in parts of the photo, with :neg on what "
        "does not belong; repeat for several. "
        "Without a click and a box the most prominent object is found",
    )
    parser.add_argument(
        "--box",
        action="append",
        default=[],
        metavar="X0,Y0,X1,Y1",
        help="a box around the object, in pixels or %%",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="mask, 0 and 255 (default PHOTO.mask.png here); - for PNG on standard output",
    )
    parser.add_argument("--overlay", type=Path, help="photo with the mask and the clicks drawn in")
    parser.add_argument("--cutout", type=Path, help="the object on transparent background")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one line of JSON for each photo: predicted IoU, box, COCO RLE, clicks, times; "
        "no picture is written that is not named",
    )
    parser.add_argument("--model", type=Path, help="weights, an artifact or an export directory")
    parser.add_argument("--variant", help=f"shipped weights to use (default {DEFAULT_VARIANT})")
    parser.add_argument(
        "--detector",
        type=Path,
        help="finds the object where nothing is asked: weights or artifact; default: that of an "
        "export directory, else shipped weights",
    )
    parser.add_argument(
        "--explain",
        type=Path,
        help="where nothing is asked: heat map, blobs, clicks and mask beside the photo",
    )


def run(args: argparse.Namespace) -> None:
    """Segment each photo and write what was named."""
    from squeezesam.commands.segmenting import segment

    segment(args)
