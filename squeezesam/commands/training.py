"""What `squeezesam train` does."""

import argparse
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from squeezesam.data.open import open_datasets
from squeezesam.data.records import Dataset, split
from squeezesam.distillation.labels import label_with_teacher
from squeezesam.distillation.teacher import load_teacher
from squeezesam.errors import ConfigError, OutputError
from squeezesam.networks.building import TrainedNetwork, build_trained
from squeezesam.networks.configs import ReferenceConfig
from squeezesam.networks.overview import parameters
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.weights import known_config, load_weights, save_weights, start_from_encoder
from squeezesam.spec import DETECTOR, EFFICIENTSAM, SEGMENTER
from squeezesam.terminal import aligned_table
from squeezesam.training.config import DEFAULT_RECIPES, GENERAL, Stage, TrainConfig, recipe, without
from squeezesam.training.loop import Network, Trainer
from squeezesam.training.processes import Processes, joined_processes
from squeezesam.training.trainers import ClickTrainer, EfficientSamTrainer, SalientTrainer


def summary(trainer: Trainer[Network], variant: str) -> str:
    """Data sets with their shares, then network, stages and device.

    Args:
        trainer: ready to run.
        variant: name of its network.
    """
    config, processes = trainer.config, trainer.processes
    rows = [
        (dataset.name, str(len(dataset)), f"{share:.3f}", str(len(dataset.skipped)))
        for dataset, share in zip(trainer.datasets, trainer.shares, strict=True)
    ]
    table = aligned_table(("data set", "photos", "share", "unreadable"), rows, {"data set"})
    images = sum(stage.steps * stage.batch for stage in config.stages)
    stages = ", ".join(
        f"{stage.steps} batches of {stage.batch} at {stage.size} px" for stage in config.stages
    )
    count = f"{processes.count} processes" if processes.count > 1 else "1 process"
    return (
        f"{table}\n"
        f"{variant}: {parameters(trainer.model) / 1e6:.2f} M parameters\n"
        f"{stages}: {images} samples\n"
        f"{count} on {processes.device.type}, {config.precision}, "
        f"{config.workers} data workers each, seed {config.seed}, into {trainer.folder}"
    )


TRAINERS: dict[str, type[Trainer[Any]]] = {
    SEGMENTER.name: ClickTrainer,
    DETECTOR.name: SalientTrainer,
    EFFICIENTSAM.name: EfficientSamTrainer,
}
"""By the kind of network."""


def run_training(args: argparse.Namespace) -> None:
    """Train and write OUT/VARIANT.safetensors with the averaged weights."""
    kind = known_config(args.variant).kind
    config = recipe(args.recipe or DEFAULT_RECIPES.get(kind.name, GENERAL))
    if args.stage:
        config = dataclasses.replace(config, stages=tuple(map(Stage.parse, args.stage)))
    if args.learning_rate is not None:
        config = dataclasses.replace(config, learning_rate=args.learning_rate)
    for idea in args.without:
        config = without(config, idea)
    config = dataclasses.replace(
        config,
        shares=dict(map(parse_share, args.share)),
        seed=args.seed,
        precision=args.precision,
        compile=args.compile,
        workers=args.workers,
    )
    torch.manual_seed(config.seed)
    model = starting_network(args.variant, args.init)
    datasets = without_held_out(open_datasets(*args.data), args.hold_out)
    check_run(args.minutes, args.out)
    with joined_processes() as processes:
        if args.teacher and not args.dry_run:
            with processes.first_before_others():
                datasets += taught(datasets, args.teacher, args.out / "teacher")
        trainer = trainer_of(model, datasets, config, args.out, processes)
        if processes.is_first:
            print(summary(trainer, args.variant), flush=True)
        if args.dry_run:
            return
        trained, done = trainer.run(args.minutes)
        if processes.is_first:
            path = args.out / f"{args.variant}.safetensors"
            save_weights(trained, path, args.variant, torch.float16)
            state = "" if done == config.steps else f" after {done} of {config.steps} steps"
            print(f"wrote {path}{state}")


def taught(datasets: Sequence[Dataset], teacher: str, folder: Path) -> list[Dataset]:
    """Data sets of the same photos with a teacher's masks, NAME-taught for each NAME.

    Raises:
        ArtifactError, ConfigError, MissingDependencyError: the teacher cannot be loaded.
        DataError, OutputError: no photo is usable, or the folder cannot be written to.
    """
    loaded = load_teacher(teacher)
    return [
        label_with_teacher(loaded, dataset, folder / f"{dataset.name}-taught")
        for dataset in datasets
    ]


def trainer_of(
    model: TrainedNetwork,
    datasets: Sequence[Dataset],
    config: TrainConfig,
    folder: Path,
    processes: Processes,
) -> Trainer[Any]:
    """What trains this kind of network; see `Trainer`."""
    return TRAINERS[model.kind.name](model, datasets, config, folder, processes)


def without_held_out(datasets: Sequence[Dataset], names: Sequence[str]) -> list[Dataset]:
    """The data sets, those of these names without the photos that are held out.

    Raises:
        ConfigError: there is no data set of a name.
        DataError: nothing is left of one.
    """
    known = [dataset.name for dataset in datasets]
    for name in names:
        if name not in known:
            raise ConfigError(f"no data set {name!r} to hold out of; there are {', '.join(known)}")
    return [split(d, held_out=False) if d.name in names else d for d in datasets]


def check_run(minutes: float | None, out: Path) -> None:
    """Refuse a time that is none and a folder that is none, before any work.

    Raises:
        ConfigError: the time is negative, infinite or not a number.
        OutputError: `out` is a file.
    """
    if minutes is not None and not 0 <= minutes < math.inf:
        raise ConfigError(f"--minutes {minutes} must be a number of minutes from 0 on")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; name a directory")


def parse_share(text: str) -> tuple[str, float]:
    """Read NAME=SHARE.

    Raises:
        ConfigError: not a name and a number.
    """
    name, _, share = text.rpartition("=")
    try:
        return name, float(share)
    except ValueError as error:
        raise ConfigError(f"share {text!r} is not NAME=SHARE, e.g. ccp=0.3") from error


def starting_network(variant: str, init: Path | None) -> TrainedNetwork:
    """A network with random weights, or with those of a file.

    A detector may start from a SqueezeSAM of its widths, and an EfficientSAM from a pretrained
    encoder; what the file does not hold keeps its random weights.

    Raises:
        ConfigError: the variant cannot be trained, or the file holds another one.
        WeightsError: the file is missing or damaged.
    """
    config = known_config(variant)
    if isinstance(config, ReferenceConfig) or config.kind.name not in TRAINERS:
        raise ConfigError(
            f"variant {variant!r} is for comparison only; train base, nano or efficientsam_ti"
        )
    network = build_trained(config)
    if init is None or start_from_encoder(network, init, variant):
        return network
    name, model = load_weights(init)
    if name == variant:
        return model
    if not isinstance(network, SaliencyDetector) or not isinstance(model, SqueezeSam):
        raise ConfigError(f"{init} holds {name!r} weights, not {variant!r}")
    network.start_from(model)
    return network
