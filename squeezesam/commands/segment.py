"""`squeezesam segment`: one photo and some clicks to a mask, an overlay and a cutout."""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam.config import DEFAULT_VARIANT
from squeezesam.errors import ConfigError, PromptError
from squeezesam.image_io import check_format, read_photo, write_image
from squeezesam.overlay import draw_cutout, draw_overlay, mask_picture
from squeezesam.predictor import SamPredictor
from squeezesam.prompts import Prompts, check_prompts
from squeezesam.runtimes import load_network
from squeezesam.spec import PointLabel
from squeezesam.weights import shipped_weights

HELP = "cut the object under your clicks out of a photo"
POINT_SIGNS = {"": PointLabel.POSITIVE, "neg": PointLabel.NEGATIVE}
OUTPUT_MODES = {"out": "L", "overlay": "RGB", "cutout": "RGBA"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("photo", type=Path)
    parser.add_argument(
        "--point",
        action="append",
        default=[],
        metavar="X,Y[:neg]",
        help="a click in photo pixels, with :neg on what does not belong; repeat for several",
    )
    parser.add_argument("--box", metavar="X0,Y0,X1,Y1", help="a box around the object")
    parser.add_argument("--out", type=Path, help="mask, 0 and 255 (default PHOTO.mask.png here)")
    parser.add_argument("--overlay", type=Path, help="photo with the mask and the clicks drawn in")
    parser.add_argument("--cutout", type=Path, help="the object on transparent background")
    parser.add_argument("--model", type=Path, help="weights, an artifact or an export directory")
    parser.add_argument("--variant", help=f"shipped weights to use (default {DEFAULT_VARIANT})")


def run(args: argparse.Namespace) -> None:
    """Segment and write the outputs that were named."""
    points = [parse_point(text) for text in args.point]
    box = None if args.box is None else parse_numbers("--box", args.box, ("x0", "y0", "x1", "y1"))
    if not points and box is None:
        raise PromptError("nothing says what to segment; give --point x,y or --box x0,y0,x1,y1")
    outputs = chosen_outputs(args)
    photo = read_photo(args.photo)
    prompts = check_prompts(
        [place for place, _ in points],
        [label for _, label in points],
        box,
        width=photo.shape[1],
        height=photo.shape[0],
    )
    predictor = SamPredictor(load_network(model_path(args)))
    predictor.set_image(photo)
    masks, ious, _ = predictor.predict(
        prompts.coords, prompts.labels, prompts.box, multimask_output=False
    )
    for name, path in outputs.items():
        write_image(draw(name, photo, masks[0], prompts), path)
    written = ", ".join(map(str, outputs.values()))
    share = masks[0].mean()
    print(f"predicted IoU {ious[0]:.2f}, mask {share:.1%} of the photo, wrote {written}")


def draw(
    output: str, photo: NDArray[np.uint8], mask: NDArray[np.bool_], prompts: Prompts
) -> Image.Image:
    """The picture for one of OUTPUT_MODES."""
    if output == "overlay":
        return draw_overlay(photo, mask, prompts)
    return draw_cutout(photo, mask) if output == "cutout" else mask_picture(mask)


def chosen_outputs(args: argparse.Namespace) -> dict[str, Path]:
    """The named outputs, or the mask under its default name.

    Raises:
        OutputError: a suffix does not suit its picture.
    """
    outputs = {name: getattr(args, name) for name in OUTPUT_MODES if getattr(args, name)}
    outputs = outputs or {"out": Path(f"{args.photo.stem}.mask.png")}
    for name, path in outputs.items():
        check_format(path, OUTPUT_MODES[name])
    return outputs


def model_path(args: argparse.Namespace) -> Path:
    """The file or directory to load the network from.

    Raises:
        ConfigError: both a model and a variant are named, or the variant is unknown.
        WeightsError: the variant's weights are not shipped.
    """
    if args.model is None:
        return shipped_weights(args.variant or DEFAULT_VARIANT)
    if args.variant is not None:
        raise ConfigError(f"--model {args.model} settles the variant; leave --variant out")
    model: Path = args.model
    return model


def parse_point(text: str) -> tuple[list[float], PointLabel]:
    """A click as written on the command line: its place and label.

    Raises:
        PromptError: not x,y or x,y:neg.
    """
    place, _, sign = text.partition(":")
    if sign not in POINT_SIGNS:
        raise PromptError(f"--point {text!r} ends in {sign!r}; end in :neg for background")
    return parse_numbers("--point", place, ("x", "y")), POINT_SIGNS[sign]


def parse_numbers(option: str, text: str, names: tuple[str, ...]) -> list[float]:
    """Comma-separated numbers, one for each name.

    Raises:
        PromptError: another count, or not numbers.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(names):
        raise PromptError(f"{option} {text!r} must be {','.join(names)} in photo pixels")
    return numbers
