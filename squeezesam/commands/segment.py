"""`squeezesam segment`: one photo to a mask, an overlay and a cutout, with clicks or without."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam.config import DEFAULT_VARIANT
from squeezesam.errors import ConfigError, NoSalientObjectError, OutputError
from squeezesam.image_io import STDOUT, check_format, read_photo, write_image
from squeezesam.overlay import draw_cutout, draw_overlay, mask_picture
from squeezesam.predictor import MaskAnswer, SamPredictor
from squeezesam.prompt_text import POINT_FORM, click_in_pixels, parse_box, parse_point
from squeezesam.prompts import Prompts, check_prompts
from squeezesam.runtimes import detector_beside, load_detector_network, load_network
from squeezesam.saliency.explain import explain
from squeezesam.saliency.predictor import SaliencyPredictor
from squeezesam.weights import shipped_weights

HELP = "cut the object under your clicks, or the most prominent one, out of a photo"
OUTPUT_MODES = {"out": "L", "overlay": "RGB", "cutout": "RGBA"}


@dataclass(frozen=True)
class Answer:
    """What was cut out of a photo.

    Attributes:
        mask: [H, W].
        alpha: [H, W], its opacity as a soft cut-out.
        iou: as the network predicts it.
        prompts: the user's, or the clicks that were found without one.
    """

    mask: NDArray[np.bool_]
    alpha: NDArray[np.uint8]
    iou: float
    prompts: Prompts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("photo", type=Path)
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
        "--box", metavar="X0,Y0,X1,Y1", help="a box around the object, in pixels or %%"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="mask, 0 and 255 (default PHOTO.mask.png here); - for PNG on standard output",
    )
    parser.add_argument("--overlay", type=Path, help="photo with the mask and the clicks drawn in")
    parser.add_argument("--cutout", type=Path, help="the object on transparent background")
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
    """Segment and write the outputs that were named."""
    points = [parse_point(text) for text in args.point]
    box = None if args.box is None else parse_box(args.box)
    asked = bool(points) or box is not None
    if asked:
        check_no_detection(args)
    outputs = chosen_outputs(args)
    photo = read_photo(args.photo)
    if asked:
        height, width = photo.shape[:2]
        prompts = check_prompts(
            [click_in_pixels(place, width, height) for place, _ in points],
            [label for _, label in points],
            None if box is None else box.pixels(width, height),
            width=width,
            height=height,
        )
        answer = prompted(args, photo, prompts)
    else:
        answer = automatic(args, photo)
    for name, path in outputs.items():
        write_image(draw(name, photo, answer), path)
    paths = list(outputs.values()) if args.explain is None else [*outputs.values(), args.explain]
    found = "" if asked else "the most prominent object, found without a click: "
    print(
        f"{found}predicted IoU {answer.iou:.2f}, mask {answer.mask.mean():.1%} of the photo, "
        f"wrote {', '.join(map(str, paths))}",
        file=sys.stderr if STDOUT in paths else sys.stdout,
    )


def check_no_detection(args: argparse.Namespace) -> None:
    """Refuse the options of the automatic answer beside a prompt.

    Raises:
        ConfigError: one is given.
    """
    for name in ("detector", "explain"):
        if getattr(args, name) is not None:
            raise ConfigError(
                f"--{name} {getattr(args, name)} is about the object that is found by itself; "
                "leave it out, or leave --point and --box out"
            )


def prompted(args: argparse.Namespace, photo: NDArray[np.uint8], prompts: Prompts) -> Answer:
    """What the prompts mean on a photo [H, W, 3]; no detector is loaded."""
    predictor = SamPredictor(load_network(model_path(args)))
    predictor.set_image(photo)
    answer = predictor.answer(prompts.coords, prompts.labels, prompts.box, multimask_output=False)
    return cut_out(answer, prompts)


def automatic(args: argparse.Namespace, photo: NDArray[np.uint8]) -> Answer:
    """The most prominent object of a photo [H, W, 3], explained where that is wanted.

    Raises:
        NoSalientObjectError: nothing stands out; what was seen is explained first.
    """
    detector = load_detector_network(args.detector or detector_beside(args.model))
    predictor = SaliencyPredictor(load_network(model_path(args)), detector)
    predictor.set_image(photo)
    finding = predictor.finding
    try:
        answer = predictor.answer(multimask_output=False)
    except NoSalientObjectError:
        if args.explain is not None:
            write_image(explain(photo, finding, None), args.explain)
            print(
                f"wrote {args.explain}",
                file=sys.stderr if args.explain == STDOUT else sys.stdout,
            )
        raise
    found = cut_out(answer, Prompts(finding.coords, finding.labels, None))
    if args.explain is not None:
        write_image(explain(photo, finding, found.mask), args.explain)
    return found


def cut_out(answer: MaskAnswer, prompts: Prompts) -> Answer:
    """The first mask of an answer at the size of its photo."""
    (mask,), (alpha,) = answer.photo_masks(), answer.photo_alphas()
    return Answer(mask, alpha, float(answer.iou_predictions[0]), prompts)


def draw(output: str, photo: NDArray[np.uint8], answer: Answer) -> Image.Image:
    """The picture for one of OUTPUT_MODES."""
    if output == "overlay":
        return draw_overlay(photo, answer.mask, answer.prompts)
    return draw_cutout(photo, answer.alpha) if output == "cutout" else mask_picture(answer.mask)


def chosen_outputs(args: argparse.Namespace) -> dict[str, Path]:
    """The named outputs, or the mask under its default name; `--explain` is none of them.

    Raises:
        OutputError: a suffix does not suit its picture, that of `--explain` included, or a picture
            would replace another or the photo.
    """
    outputs = {name: getattr(args, name) for name in OUTPUT_MODES if getattr(args, name)}
    if args.explain is not None:
        check_format(args.explain, "RGB")
    elif not outputs:
        outputs = {"out": Path(f"{args.photo.stem}.mask.png")}
    for name, path in outputs.items():
        check_format(path, OUTPUT_MODES[name])
    taken = {args.photo.resolve(): "the photo"}
    for name, path in {**outputs, "explain": args.explain}.items():
        if path is None:
            continue
        if path.resolve() in taken:
            raise OutputError(f"--{name} {path} is {taken[path.resolve()]} too; name another file")
        taken[path.resolve()] = f"--{name}"
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
