"""`squeezesam pictures`: the pictures of README and docs, from the shipped photos and weights."""

import argparse
from pathlib import Path

from PIL import Image

from squeezesam.config import DEFAULT_VARIANT
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo, write_image
from squeezesam.overlay import draw_overlay, side_by_side
from squeezesam.predictor import SamPredictor
from squeezesam.prompts import check_prompts
from squeezesam.runtimes import detector_beside, load_detector_network, load_network
from squeezesam.saliency.explain import explain
from squeezesam.saliency.predictor import SaliencyPredictor
from squeezesam.saliency.sampling_picture import sampling_picture
from squeezesam.spec import PointLabel
from squeezesam.weights import shipped_weights

HELP = "draw the pictures of README and docs from the shipped photos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--model", type=Path, help="weights or artifact; default: shipped weights")


def run(args: argparse.Namespace) -> None:
    """Clicks on each photo, the way to a mask without any, and how clicks are sampled."""
    model = load_network(args.model or shipped_weights(DEFAULT_VARIANT))
    detector = load_detector_network(detector_beside(args.model))
    for path in draw_pictures(SaliencyPredictor(model, detector), args.out):
        print(f"wrote {path}")


def draw_pictures(predictor: SaliencyPredictor, out: Path) -> list[Path]:
    """Write every picture into a folder, and say where they are.

    Raises:
        OutputError: the folder cannot be written.
    """
    pictures = {"clicks.jpg": clicked(predictor), "explained.jpg": explained(predictor)}
    for example in EXAMPLES:
        picture = answer(predictor, example.path, [(example.garment, PointLabel.POSITIVE)])
        pictures[f"{example.path.stem}.jpg"] = picture
    pictures["click_sampling.png"] = sampling_picture()
    for name, picture in pictures.items():
        write_image(picture, out / name)
    return [out / name for name in pictures]


def clicked(predictor: SaliencyPredictor) -> Image.Image:
    """One, two and three clicks on the first photo."""
    first = EXAMPLES[0]
    clicks = [
        (first.garment, PointLabel.POSITIVE),
        (first.legs, PointLabel.POSITIVE),
        (first.background, PointLabel.NEGATIVE),
    ]
    return side_by_side(
        [answer(predictor, first.path, clicks[: count + 1]) for count in range(len(clicks))]
    )


def answer(
    predictor: SamPredictor, path: Path, clicks: list[tuple[tuple[int, int], PointLabel]]
) -> Image.Image:
    """The photo with the whole-object mask of some clicks."""
    photo = read_photo(path)
    height, width = photo.shape[:2]
    coords, labels = [place for place, _ in clicks], [label for _, label in clicks]
    predictor.set_image(photo)
    masks, _, _ = predictor.predict(coords, labels, multimask_output=False)
    prompts = check_prompts(coords, labels, None, width=width, height=height)
    return draw_overlay(photo, masks[0], prompts)


def explained(predictor: SaliencyPredictor) -> Image.Image:
    """The way to the first photo's mask without a click."""
    photo = read_photo(EXAMPLES[0].path)
    predictor.set_image(photo)
    masks, _, _ = predictor.predict(multimask_output=False)
    return explain(photo, predictor.finding, masks[0])
