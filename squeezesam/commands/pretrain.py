"""`squeezesam pretrain`: an encoder that predicts what it does not see; run it again to resume."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.commands.train import add_run_arguments
from squeezesam.errors import ConfigError

if TYPE_CHECKING:
    from squeezesam.networks.configs import EfficientSamConfig
    from squeezesam.pretraining.options import PretrainConfig

HELP = "pretrain the encoder of an EfficientSAM on photos alone, by SAMI or MAE"
GROUP = "train"
EXAMPLE = "squeezesam pretrain --teacher encoder.onnx --data photos --out runs/sami"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser)
    parser.add_argument("--variant", default="efficientsam_ti")
    parser.add_argument(
        "--method",
        choices=("sami", "mae"),
        default="sami",
        help="predict a teacher's features of all tokens, or the pixels of hidden ones "
        "(default sami)",
    )
    parser.add_argument(
        "--teacher",
        metavar="ENCODER.onnx|WEIGHTS|NAME",
        help="an ONNX encoder of the SAM family, weights of ours, or the name of shipped ones",
    )
    parser.add_argument(
        "--features", type=Path, help="folder for the teacher's features (default OUT/features)"
    )
    parser.add_argument(
        "--features-gb", type=float, help="how many gigabytes it may hold (default 20)"
    )
    parser.add_argument(
        "--stage",
        action="append",
        metavar="SIZE:STEPS:BATCH",
        help="a stretch of training; repeat for several (default: as published for ImageNet)",
    )
    parser.add_argument("--learning-rate", type=float, help="peak (default: as published)")
    parser.add_argument("--warmup", type=int, help="steps up to it (default: as published)")
    parser.add_argument("--hidden", type=float, help="share of tokens not shown (default 0.75)")
    parser.add_argument(
        "--decoder", metavar="DEPTH:WIDTH:HEADS", help="what predicts (default 8:512:16)"
    )
    parser.add_argument(
        "--points",
        type=int,
        help="points along each side of a token at which features are read (default 4)",
    )
    parser.add_argument(
        "--raw-targets", action="store_true", help="do not normalise what a token is to predict"
    )
    parser.add_argument("--colour", action="store_true", help="change light and colour of photos")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--compile", action="store_true", help="compile the network, for GPUs")


def run(args: argparse.Namespace) -> None:
    """Pretrain and write OUT/VARIANT-encoder.safetensors for `squeezesam train --init`."""
    import torch

    from squeezesam.cli import given
    from squeezesam.commands.training import check_run, summary, without_held_out
    from squeezesam.networks.efficientsam import EfficientSam
    from squeezesam.networks.weights import save_encoder
    from squeezesam.pretraining.network import MaskedNetwork
    from squeezesam.pretraining.options import CacheOptions
    from squeezesam.pretraining.samples import open_photo_sets
    from squeezesam.pretraining.teachers import CachedTeacher, load_feature_teacher
    from squeezesam.pretraining.trainer import PATCH_VALUES, Pretrainer
    from squeezesam.training.processes import joined_processes

    variant = transformer_of(args.variant)
    kept = CacheOptions(**given(args, gigabytes="features_gb"))
    check_run(args.minutes, args.out)
    datasets = without_held_out(open_photo_sets(*args.data), args.hold_out)
    found = load_feature_teacher(args.teacher) if args.teacher else None
    config = recipe_of(args, found.identity if found else "")
    torch.manual_seed(config.seed)
    channels = found.channels if found else PATCH_VALUES
    model = MaskedNetwork(variant, config.decoder, channels, config.stages[0].size)
    folder = args.features or args.out / "features"
    teacher = CachedTeacher(found, folder, kept) if found else None
    with joined_processes() as processes:
        trainer = Pretrainer(model, datasets, config, args.out, processes, teacher)
        if processes.is_first:
            print(summary(trainer, f"{args.variant} and its decoder of this"), flush=True)
        trained, done = trainer.run(args.minutes)
        if not processes.is_first:
            return
        network = EfficientSam(variant)
        network.encoder = trained.encoder
        path = args.out / f"{args.variant}-encoder.safetensors"
        origin = {"pretrained": f"{config.method}, {done} of {config.steps} steps"}
        save_encoder(network, path, args.variant, torch.float16, origin)
        state = "" if done == config.steps else f" after {done} of {config.steps} steps"
        print(f"wrote {path}{state}; train --variant {args.variant} --init {path} goes on")


def transformer_of(variant: str) -> "EfficientSamConfig":
    """Configuration of a variant whose encoder is a plain vision transformer.

    Raises:
        ConfigError: unknown, or of another kind.
    """
    from squeezesam.networks.configs import VARIANTS, EfficientSamConfig, variant_config

    config = variant_config(variant)
    if not isinstance(config, EfficientSamConfig):
        fitting = [name for name, one in VARIANTS.items() if isinstance(one, EfficientSamConfig)]
        raise ConfigError(
            f"variant {variant!r} has no vision transformer to pretrain; choose one of "
            f"{', '.join(fitting)}"
        )
    return config


def recipe_of(args: argparse.Namespace, teacher: str) -> "PretrainConfig":
    """The recipe that options and the identity of a teacher stand for.

    Raises:
        ConfigError: they do not fit together.
    """
    from squeezesam.cli import given
    from squeezesam.commands.training import parse_share
    from squeezesam.pretraining.options import (
        CropOptions,
        DecoderOptions,
        PretrainConfig,
        TargetOptions,
    )
    from squeezesam.training.config import Stage

    config = PretrainConfig(
        shares=dict(map(parse_share, args.share)),
        precision=args.precision,
        compile=args.compile,
        seed=args.seed,
        workers=args.workers,
        method=args.method,
        crop=CropOptions(colour=args.colour),
        target=TargetOptions(normalised=not args.raw_targets, **given(args, points="points")),
        decoder=DecoderOptions.parse(args.decoder) if args.decoder else DecoderOptions(),
        teacher=teacher,
        **given(args, hidden="hidden", learning_rate="learning_rate", warmup="warmup"),
    )
    if args.stage:
        config = dataclasses.replace(config, stages=tuple(map(Stage.parse, args.stage)))
    return config
