"""`squeezesam eval`: any network, artifact or baseline on photos with masks."""

import argparse
from pathlib import Path

from squeezesam.spec import INPUT_SIZE

HELP = "measure IoU, clicks to reach an IoU and boundary IoU on photos with masks"
GROUP = "measure"
EXAMPLE = "squeezesam eval --data DATA/val/people --protocol clicks box"
CLICKS, RANDOM = "clicks", "random"
SALIENT = "salient"
RESULTS_NAME = "results.json"
REPORT_NAME = "report.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data", type=Path, nargs="+", metavar="DIR", help="data sets, or folders of them"
    )
    parser.add_argument(
        "--protocol",
        nargs="+",
        default=[CLICKS],
        metavar="NAME",
        help=f"any of clicks, parts, box, choice, random, salient (default {CLICKS})",
    )
    parser.add_argument(
        "--corrections",
        type=int,
        help="clicks after an automatic mask (default 2)",
    )
    parser.add_argument("--model", type=Path, help="weights or artifact; default: shipped weights")
    parser.add_argument(
        "--baseline", metavar="NAME[=ARGUMENT]", help="such as grabcut, instead of a model"
    )
    parser.add_argument(
        "--clicks",
        type=int,
        help="clicks on each object (default 5; literature's NoC: 20; of protocol random 3)",
    )
    parser.add_argument(
        "--detector",
        type=Path,
        help="finds the object where nothing is asked (protocol salient); default: that of an "
        "export directory, else shipped weights",
    )
    parser.add_argument(
        "--sampling",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="change how clicks are found in its heat map: threshold, peak, smallest_per_mille, "
        "clicks",
    )
    parser.add_argument(
        "--raw-masks", action="store_true", help="masks as the network gives them, not cleaned"
    )
    parser.add_argument(
        "--one-look", action="store_true", help="one inference on the whole photo, no closer look"
    )
    parser.add_argument(
        "--size",
        type=int,
        help=f"input size of the segmenter, for weights only (default {INPUT_SIZE})",
    )
    parser.add_argument("--limit", type=int, help="only N photos of each data set, evenly spread")
    parser.add_argument(
        "--out", type=Path, help=f"folder of {RESULTS_NAME}, {REPORT_NAME} and contact sheets"
    )
    parser.add_argument(
        "--report",
        type=Path,
        nargs="+",
        metavar=RESULTS_NAME,
        help="evaluate nothing; print these results side by side, compared with the first",
    )


def run(args: argparse.Namespace) -> None:
    """Evaluate and print the tables; with --out, write everything there."""
    from squeezesam.commands.evaluating import run_evaluation

    run_evaluation(args)
