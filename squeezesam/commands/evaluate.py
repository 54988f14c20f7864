"""`squeezesam eval`: mIoU after k clicks of any network or artifact on a folder of masks."""

import argparse
import dataclasses
import json
import time
from pathlib import Path

from squeezesam.config import DEFAULT_VARIANT
from squeezesam.data.open import open_dataset
from squeezesam.errors import ConfigError, MissingDependencyError
from squeezesam.files import whole_file
from squeezesam.predictor import SamPredictor
from squeezesam.runtimes import load_network
from squeezesam.weights import shipped_weights

HELP = "measure mIoU after 1, 2, ... simulated clicks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("data", type=Path, nargs="+", help="folder in SA-1B layout")
    parser.add_argument("--model", type=Path, help="weights or artifact; default: shipped weights")
    parser.add_argument("--clicks", type=int, default=5, help="clicks on each object (default 5)")
    parser.add_argument("--size", type=int, help="input size, for weights only (default 512)")
    parser.add_argument("--limit", type=int, help="only the first N photos of each folder")
    parser.add_argument("--out", type=Path, help="per-object results as JSON Lines")


def run(args: argparse.Namespace) -> None:
    """Evaluate and print one line per folder."""
    try:
        from squeezesam.evaluation.protocol import evaluate, mean_iou
    except ImportError as error:
        raise MissingDependencyError(
            "evaluation needs scipy; pip install 'squeezesam[train]'"
        ) from error
    if args.clicks < 1:
        raise ConfigError(f"--clicks {args.clicks} must be at least 1")
    path = args.model or shipped_weights(DEFAULT_VARIANT)
    options = {} if args.size is None else {"size": args.size}
    predictor = SamPredictor(load_network(path, **options), **options)
    lines = []
    for folder in args.data:
        dataset = open_dataset(folder)
        images = [dataset[index] for index in range(len(dataset))][: args.limit]
        started = time.perf_counter()
        results = []
        for result in evaluate(predictor, images, args.clicks):
            results.append(result)
            lines.append(json.dumps({"data": folder.name, **dataclasses.asdict(result)}))
        summary = ", ".join(
            f"@{k} {interval.mean:.1f} [{interval.low:.1f}, {interval.high:.1f}]"
            for k in range(1, args.clicks + 1)
            for interval in [mean_iou(results, k)]
        )
        seconds = time.perf_counter() - started
        print(
            f"{folder.name}: {len(results)} objects, mIoU {summary} ({seconds:.0f} s)", flush=True
        )
    if args.out:
        with whole_file(args.out) as partial:
            partial.write_text("\n".join(lines) + "\n")
