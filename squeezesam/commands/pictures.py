"""`squeezesam pictures`: the pictures of README and docs, from the shipped photos and weights."""

import argparse
from pathlib import Path

from squeezesam.networks.configs import DEFAULT_VARIANT
from squeezesam.spec import DETECTOR, SEGMENTER

HELP = "draw the pictures of README and docs from the shipped photos"
GROUP = "measure"
EXAMPLE = "squeezesam pictures --out docs/pictures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--model", type=Path, help="weights or artifact; default: shipped weights")


def run(args: argparse.Namespace) -> None:
    """Clicks on each photo, the way to a mask without any, and how clicks are sampled."""
    from squeezesam.figures.pictures import draw_pictures
    from squeezesam.inference.load import detector_beside, load
    from squeezesam.inference.saliency_predictor import SaliencyPredictor
    from squeezesam.networks.weights import shipped_weights

    model = load(args.model or shipped_weights(DEFAULT_VARIANT), kind=SEGMENTER)
    detector = load(detector_beside(args.model), kind=DETECTOR)
    for path in draw_pictures(SaliencyPredictor(model, detector), args.out):
        print(f"wrote {path}")
