"""`squeezesam people-table`: one click, no click and a model tuned on people, side by side."""

import argparse
from pathlib import Path

from squeezesam.networks.configs import DEFAULT_VARIANT
from squeezesam.spec import DETECTOR, SEGMENTER

HELP = "the paper's person table: one click, no click, and a model tuned on people"
GROUP = "measure"
EXAMPLE = "squeezesam people-table --data DATA/val/people --tuned people.safetensors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="DIR", help="photos of people"
    )
    parser.add_argument("--model", type=Path, help="the original; default: shipped weights")
    parser.add_argument(
        "--tuned", type=Path, help="one tuned on people (train --recipe people); none is shipped"
    )
    parser.add_argument(
        "--detector", type=Path, help="default: that of an export directory, else shipped weights"
    )


def run(args: argparse.Namespace) -> None:
    """Evaluate and print the table."""
    from squeezesam.data.open import open_datasets
    from squeezesam.evaluation.people import person_rows, person_table
    from squeezesam.inference.load import detector_beside, load
    from squeezesam.inference.saliency_predictor import SaliencyPredictor
    from squeezesam.networks.weights import shipped_weights

    datasets = open_datasets(*args.data)
    detector = load(args.detector or detector_beside(args.model), kind=DETECTOR)
    models = {"original model": args.model or shipped_weights(DEFAULT_VARIANT)}
    if args.tuned:
        models["person-tuned model"] = args.tuned
    predictors = {
        name: SaliencyPredictor(load(path, kind=SEGMENTER), detector)
        for name, path in models.items()
    }
    print(person_table(list(person_rows(predictors, datasets))))
