"""`squeezesam qat`: weights that lose less when they are quantized."""

import argparse
import dataclasses
from pathlib import Path

import torch

from squeezesam.commands.train import add_run_arguments, check_run, parse_share
from squeezesam.config import DEFAULT_VARIANT
from squeezesam.data.open import open_datasets
from squeezesam.errors import ConfigError
from squeezesam.training.click_trainer import ClickTrainer
from squeezesam.training.config import Stage
from squeezesam.training.processes import joined_processes
from squeezesam.training.samples import mixture
from squeezesam.training.summary import summary
from squeezesam.versions import check_pair
from squeezesam.weights import load_weights, save_weights, shipped_weights
from squeezesam_export.quantization.training import RECIPE, RoundingNetwork
from squeezesam_export.quiet import quiet
from squeezesam_export.target import optional

HELP = "fine-tune weights under int8 rounding; resumes from the checkpoint in --out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser)
    parser.add_argument("--weights", type=Path, help="to start from; default: shipped weights")
    (stage,) = RECIPE.stages
    parser.add_argument(
        "--stage",
        default=str(stage),
        metavar="SIZE:STEPS:BATCH",
        help="input size, batches and samples a batch (default %(default)s)",
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=RECIPE.learning_rate,
        help="peak (default %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Fine-tune and write OUT/VARIANT.safetensors with the averaged weights."""
    stage = Stage.parse(args.stage)
    config = dataclasses.replace(
        RECIPE,
        stages=(stage,),
        shares=dict(map(parse_share, args.share)),
        learning_rate=args.learning_rate,
        seed=args.seed,
        workers=args.workers,
    )
    check_run(args.minutes, args.out)
    check_pair()
    datasets = open_datasets(*args.data)
    mixture(datasets, config.shares)
    variant, model = load_weights(args.weights or shipped_weights(DEFAULT_VARIANT))
    torch.manual_seed(config.seed)
    with joined_processes() as processes:
        if processes.count > 1:
            raise ConfigError("qat runs in one process; leave torchrun out")
        print("tracing the network and seeing its ranges, about a minute", flush=True)
        with quiet(), optional("executorch"):
            rounding = RoundingNetwork(model, stage)
            trainer = ClickTrainer(rounding, datasets, config, args.out, processes)
        print(summary(trainer, variant), flush=True)
        trained, done = trainer.run(args.minutes)
    path = args.out / f"{variant}.safetensors"
    save_weights(trained.weights(), path, variant, torch.float16)
    print(
        f"wrote {path}" + ("" if done == config.steps else f" after {done} of {config.steps} steps")
    )
