"""`squeezesam distill`: a data set of a teacher's masks from photos; run it again to resume."""

import argparse
import dataclasses
from pathlib import Path

from squeezesam.distillation.options import LabelOptions
from squeezesam.errors import ConfigError
from squeezesam.terminal import printable

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
    parser.add_argument("--out", type=Path, required=True, help="folder for photos and labels")
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
    """
    from squeezesam.distillation.labels import label_with_teacher, open_photos
    from squeezesam.distillation.teacher import load_teacher

    if args.out.resolve() == args.data.resolve():
        raise ConfigError(f"--out {args.out} is --data too; name another folder for the labels")
    options = dataclasses.replace(
        DEFAULTS,
        points_per_side=args.points_per_side,
        predicted_iou=args.predicted_iou,
        stability_score=args.stability_score,
    )
    dataset = open_photos(args.data)
    labels = label_with_teacher(load_teacher(args.teacher), dataset, args.out, options)
    masks = sum(len(labels[index].annotations) for index in range(len(labels)))
    print(f"labelled photos: {len(labels)}, masks: {masks}, in {args.out}")
    if labels.skipped:
        print(f"left out {len(labels.skipped)}:")
        for each in labels.skipped:
            print(printable(f"  {each.name}: {each.reason}"))
