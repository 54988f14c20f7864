"""`squeezesam compare`: models of the SAM family side by side."""

import argparse
from pathlib import Path

from squeezesam_benchmarks.commands.timing_options import say

HELP = "put models of the SAM family side by side: cost, accuracy and latency in one table"
GROUP = "measure"
EXAMPLE = "squeezesam compare --models base sam-onnx=enc.onnx,dec.onnx --data DATA/val/davis345"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--models",
        nargs="+",
        required=True,
        metavar="MODEL",
        help="weights, artifacts, export directories, names of shipped weights, or baselines such "
        "as sam-onnx=ENCODER.onnx,DECODER.onnx",
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="data sets with masks, or folders of them",
    )
    parser.add_argument("--limit", type=int, help="only N photos of each data set, evenly spread")
    parser.add_argument(
        "--threads", type=int, help="of the runtimes while clicks are timed (default 1)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help="fresh processes for each model in which clicks are timed (default 3; 0 times none)",
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="folder of answers to the same prompts"
    )
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="RESULTS.json",
        help="boxes of an object detector on the one data set, which is COCO's, in COCO's format "
        "of results; adds the AP of the masks for them",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all raw values")


def run(args: argparse.Namespace) -> None:
    """Compare and print the tables."""
    from squeezesam.cli import given
    from squeezesam.files import check_place
    from squeezesam_benchmarks.side_by_side.click_times import ClickTiming
    from squeezesam_benchmarks.side_by_side.comparison import (
        ComparisonOptions,
        compare_models,
        write_json,
    )
    from squeezesam_benchmarks.side_by_side.report import comparison_report

    timing = None
    if args.rounds != 0:
        timing = ClickTiming(**given(args, threads="threads", rounds="rounds"))
    options = ComparisonOptions(
        tuple(args.models), tuple(args.data), args.limit, timing, args.pictures, args.boxes
    )
    if args.json is not None:
        check_place(args.json.parent, ("*",))
    compared = compare_models(options, say)
    if args.json is not None:
        write_json(compared, options, args.json)
    print(comparison_report(compared, options))
