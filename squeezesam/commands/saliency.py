"""`squeezesam saliency`: how good the salient-object detector's heat maps are."""

import argparse
from pathlib import Path

from squeezesam.files import check_place
from squeezesam.networks.configs import DEFAULT_DETECTOR
from squeezesam.spec import DETECTOR

HELP = "measure heat maps of the salient-object detector: MAE, F-measure, S-measure"
GROUP = "measure"
EXAMPLE = "squeezesam saliency --data DATA/train/ecssd --held-out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="DIR", help="photos with masks"
    )
    parser.add_argument("--detector", type=Path, help="weights or artifact; default: shipped ones")
    parser.add_argument(
        "--held-out", action="store_true", help="only the fifth that `train --hold-out` leaves out"
    )
    parser.add_argument("--limit", type=int, help="only N photos of each data set, evenly spread")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="raw values of every photo")


def run(args: argparse.Namespace) -> None:
    """Evaluate and print the table."""
    from squeezesam.data.open import open_datasets
    from squeezesam.data.records import split
    from squeezesam.evaluation.run import check_limit
    from squeezesam.evaluation.saliency import evaluate_heat, heat_table, write_heat
    from squeezesam.inference.load import load
    from squeezesam.networks.weights import shipped_weights

    check_limit(args.limit)
    datasets = open_datasets(*args.data)
    if args.held_out:
        datasets = [split(dataset, held_out=True) for dataset in datasets]
    detector = load(args.detector or shipped_weights(DEFAULT_DETECTOR), kind=DETECTOR)
    if args.out is not None:
        check_place(args.out.parent, ("*",))
    evaluations = [evaluate_heat(detector, dataset, args.limit) for dataset in datasets]
    if args.out is not None:
        write_heat(evaluations, args.out)
    print(heat_table(evaluations))
