"""`squeezesam train`: weights from folders of photos with masks; run it again to resume."""

import argparse
from pathlib import Path

from squeezesam.networks.configs import DEFAULT_VARIANT

HELP = "train on photos with masks; resumes from the checkpoint in --out"
GROUP = "train"
EXAMPLE = "squeezesam train --data DATA/train --out runs/base --minutes 60"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser)
    parser.add_argument("--variant", default=DEFAULT_VARIANT)
    parser.add_argument(
        "--teacher",
        metavar="ENCODER.onnx,DECODER.onnx",
        help="also train on this network's masks of the same photos, made once, kept in --out",
    )
    parser.add_argument(
        "--init",
        type=Path,
        help="start from these weights, or from the encoder that `squeezesam pretrain` wrote",
    )
    parser.add_argument(
        "--recipe", help="general, people, saliency, efficientsam (default: what suits the variant)"
    )
    parser.add_argument(
        "--stage",
        action="append",
        metavar="SIZE:STEPS:BATCH",
        help="a stretch of training; repeat for several (default: the recipe's)",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="IDEA",
        help="switch off merging, crop, outliers, paste, warp; repeat for several",
    )
    parser.add_argument("--learning-rate", type=float, help="peak (default: the recipe's)")
    parser.add_argument(
        "--precision",
        choices=("bf16", "fp32"),
        default="bf16",
        help="of the network (default bf16)",
    )
    parser.add_argument("--compile", action="store_true", help="compile the network, for GPUs")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be used, without a teacher's masks, and train nothing",
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of every command that runs the training loop."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="data sets, or parents of several"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and log")
    parser.add_argument(
        "--share",
        action="append",
        default=[],
        metavar="NAME=SHARE",
        help="chance that a sample comes from data set NAME; the others divide the rest",
    )
    parser.add_argument(
        "--hold-out",
        action="append",
        default=[],
        metavar="NAME",
        help="never train on the fixed fifth of data set NAME that `saliency --held-out` judges by",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="data processes (default 1)")
    parser.add_argument(
        "--minutes", type=float, help="stop with a checkpoint after this time; run again to go on"
    )


def run(args: argparse.Namespace) -> None:
    """Train and write OUT/VARIANT.safetensors with the averaged weights."""
    from squeezesam.commands.training import run_training

    run_training(args)
