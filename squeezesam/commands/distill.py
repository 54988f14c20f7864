"""`squeezesam distill`: a data set of a teacher's masks from photos; run it again to resume.

Tar shards become tar shards; other data become a folder of photos and labels. Started by torchrun,
each process labels its share.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.distillation.options import LabelOptions
from squeezesam.errors import ConfigError, DataError
from squeezesam.terminal import printable

if TYPE_CHECKING:
    from squeezesam.data.records import Skipped

HELP = "label photos with another network's masks, to train on them"
GROUP = "train"
EXAMPLE = "squeezesam distill --teacher encoder.onnx,decoder.onnx --data photos --out labelled"
DEFAULTS = LabelOptions()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--teacher",
        required=True,
        metavar="ENCODER.onnx,DECODER.onnx",
        help="a pair of the SAM family, or NAME=ARGUMENT of any baseline of `squeezesam eval`",
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of photos or a data set")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder for photos and labels, or for tar shards of them",
    )
    parser.add_argument(
        "--points-per-side",
        type=int,
        default=DEFAULTS.points_per_side,
        help="clicks along a side of a photo without annotations (default %(default)s)",
    )
    parser.add_argument(
        "--predicted-iou",
        type=float,
        default=DEFAULTS.predicted_iou,
        help="keep masks that the teacher expects to be better than this (default %(default)s)",
    )
    parser.add_argument(
        "--stability-score",
        type=float,
        default=DEFAULTS.stability_score,
        help="keep masks at least this stable under a shifted threshold (default %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Label and print what was done.

    Raises:
        ConfigError: --out is --data.
        DataError: no photo is usable.
        ProcessError: of several processes, another one ended early.
    """
    from squeezesam.data.open import find_reader
    from squeezesam.data.sa1b import Sa1bTar, find_shards
    from squeezesam.distillation.labels import label_with_teacher, open_photos
    from squeezesam.distillation.shards import label_shards
    from squeezesam.distillation.teacher import load_teacher
    from squeezesam.training.processes import joined_processes

    if args.out.resolve() == args.data.resolve():
        raise ConfigError(f"--out {args.out} is --data too; name another folder for the labels")
    options = dataclasses.replace(
        DEFAULTS,
        points_per_side=args.points_per_side,
        predicted_iou=args.predicted_iou,
        stability_score=args.stability_score,
    )
    with joined_processes() as processes:
        if find_reader(args.data) is Sa1bTar:
            teacher = load_teacher(args.teacher)
            shards = label_shards(teacher, find_shards(args.data), args.out, processes, options)
            if processes.is_first:
                skipped = [each for shard in shards for each in shard.skipped]
                photos = sum(shard.photos for shard in shards)
                report(photos, sum(shard.masks for shard in shards), skipped, args.out)
            return
        dataset = open_photos(args.data)
        teacher = load_teacher(args.teacher)
        if processes.count > 1:
            own = processes.own(range(len(dataset)))
            label_with_teacher(teacher, dataset, args.out, options, own)
            processes.meet()
        if processes.is_first:
            labels = label_with_teacher(teacher, dataset, args.out, options)
            masks = sum(len(labels[index].annotations) for index in range(len(labels)))
            report(len(labels), masks, labels.skipped, args.out)


def report(photos: int, masks: int, skipped: "Sequence[Skipped]", out: Path) -> None:
    """Print how much was labelled, and what was left out.

    Raises:
        DataError: everything was.
    """
    if not photos:
        raise DataError(f"no photo is usable; {skipped[0].name}: {skipped[0].reason}")
    print(f"labelled photos: {photos}, masks: {masks}, in {out}")
    if skipped:
        print(f"left out {len(skipped)}:")
        for each in skipped:
            print(printable(f"  {each.name}: {each.reason}"))
