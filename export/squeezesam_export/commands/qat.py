"""`squeezesam qat`: weights that lose less when they are quantized."""

import argparse
import dataclasses
from pathlib import Path

from squeezesam.cli import given
from squeezesam.commands.train import add_run_arguments
from squeezesam.environment import check_pair
from squeezesam.errors import ConfigError
from squeezesam.networks.configs import DEFAULT_VARIANT
from squeezesam.spec import SEGMENTER
from squeezesam_export.targets.quiet import quiet

HELP = "fine-tune weights under int8 rounding; resumes from the checkpoint in --out"
GROUP = "train"
EXAMPLE = "squeezesam qat --data DATA/train --out runs/qat"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser)
    parser.add_argument("--weights", type=Path, help="to start from; default: shipped weights")
    parser.add_argument(
        "--stage",
        metavar="SIZE:STEPS:BATCH",
        help="input size, batches and samples of a batch (default 320:200:8)",
    )
    parser.add_argument("--learning-rate", type=float, help="peak (default 3e-05)")


def run(args: argparse.Namespace) -> None:
    """Fine-tune and write OUT/VARIANT.safetensors with the averaged weights."""
    import torch

    from squeezesam.commands.training import check_run, parse_share, summary
    from squeezesam.data.open import open_datasets
    from squeezesam.networks.segmenter import SqueezeSam
    from squeezesam.networks.weights import load_weights, save_weights, shipped_weights
    from squeezesam.training.config import Stage
    from squeezesam.training.processes import joined_processes
    from squeezesam.training.samples import mixture
    from squeezesam.training.trainers import ClickTrainer
    from squeezesam_export.qat import RECIPE, RoundingNetwork
    from squeezesam_export.targets.target import optional

    (stage,) = RECIPE.stages if args.stage is None else [Stage.parse(args.stage)]
    config = dataclasses.replace(
        RECIPE,
        stages=(stage,),
        shares=dict(map(parse_share, args.share)),
        **given(args, learning_rate="learning_rate"),
        seed=args.seed,
        workers=args.workers,
    )
    check_run(args.minutes, args.out)
    check_pair()
    datasets = open_datasets(*args.data)
    mixture(datasets, config.shares)
    weights = args.weights or shipped_weights(DEFAULT_VARIANT)
    variant, model = load_weights(weights, kind=SEGMENTER)
    assert isinstance(model, SqueezeSam)
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
