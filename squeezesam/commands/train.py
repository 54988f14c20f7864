"""`squeezesam train`: weights from folders of photos with masks; run it again to resume."""

import argparse
import dataclasses
from pathlib import Path

import torch

from squeezesam.config import DEFAULT_VARIANT, SqueezeSamConfig, variant_config
from squeezesam.errors import ConfigError, OutputError
from squeezesam.network.model import SqueezeSam
from squeezesam.training.config import Stage, TrainConfig
from squeezesam.training.loop import Trainer
from squeezesam.weights import load_weights, save_weights

HELP = "train on folders in SA-1B layout; resumes from the checkpoint in --out"
DEFAULTS = TrainConfig()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, help="parent of the training folders")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and log")
    parser.add_argument("--variant", default=DEFAULT_VARIANT)
    parser.add_argument("--init", type=Path, help="start from these weights")
    parser.add_argument(
        "--stage",
        action="append",
        metavar="SIZE:STEPS:BATCH",
        help="a stretch of training; repeat for several "
        f"(default {' '.join(map(str, DEFAULTS.stages))})",
    )
    parser.add_argument("--learning-rate", type=float, default=DEFAULTS.learning_rate)
    parser.add_argument("--workers", type=int, default=DEFAULTS.workers)
    parser.add_argument("--seed", type=int, default=DEFAULTS.seed)


def run(args: argparse.Namespace) -> None:
    """Train and write OUT/VARIANT.safetensors with the averaged weights."""
    variant = variant_config(args.variant)
    if not isinstance(variant, SqueezeSamConfig):
        raise ConfigError(f"variant {args.variant!r} is for comparison only; train base or nano")
    config = dataclasses.replace(
        DEFAULTS,
        stages=tuple(map(Stage.parse, args.stage)) if args.stage else DEFAULTS.stages,
        learning_rate=args.learning_rate,
        workers=args.workers,
        seed=args.seed,
    )
    torch.manual_seed(config.seed)
    model = SqueezeSam(variant)
    if args.init:
        name, model = load_weights(args.init)
        if name != args.variant:
            raise ConfigError(f"{args.init} holds {name!r} weights, not {args.variant!r}")
    if args.out.exists() and not args.out.is_dir():
        raise OutputError(f"{args.out} is a file; name a directory")
    trained = Trainer(model, args.data, config, args.out).run()
    path = args.out / f"{args.variant}.safetensors"
    save_weights(trained, path, args.variant, torch.float16)
    print(f"wrote {path}")
