"""`squeezesam pack`: data sets as tar shards of limited size, to carry to another machine."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.errors import ConfigError, OutputError
from squeezesam.files import check_name, whole_directory
from squeezesam.terminal import aligned_table, printable

if TYPE_CHECKING:
    from squeezesam.data.packing import Shard
    from squeezesam.data.records import Skipped

HELP = "write data sets as tar shards in SA-1B layout, to train from on another machine"
GROUP = "train"
EXAMPLE = "squeezesam pack --data DATA/train --out shards --shard-mb 60"
DEFAULT_SHARD_MB = 60
MB = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, help="a data set, or parent of several")
    parser.add_argument("--out", type=Path, required=True, help="new folder, one inside per set")
    parser.add_argument(
        "--shard-mb",
        type=float,
        default=DEFAULT_SHARD_MB,
        help=f"most megabytes (10^6 bytes) in a shard (default {DEFAULT_SHARD_MB})",
    )


def run(args: argparse.Namespace) -> None:
    """Write OUT/NAME/NAME-0000.tar, ... and print a table of them.

    Raises:
        ConfigError: a shard size that is not positive.
        OutputError: --out exists; nothing is ever replaced, since it might be the data.
    """
    from squeezesam.data.open import open_datasets
    from squeezesam.data.packing import pack

    if not 0 < args.shard_mb < math.inf:
        raise ConfigError(f"--shard-mb {args.shard_mb} must be positive and finite")
    check_name(args.out, OutputError)
    if args.out.exists():
        raise OutputError(f"{args.out} exists; name a new folder")
    shards: list[Shard] = []
    skipped: list[Skipped] = []
    datasets = open_datasets(args.data)
    with whole_directory(args.out) as partial:
        for dataset in datasets:
            folder = partial / dataset.name
            folder.mkdir()
            written, damaged = pack(dataset, folder, int(args.shard_mb * MB))
            shards += written
            skipped += damaged
    print(shard_table(shards))
    if skipped:
        print(f"left out {len(skipped)}:")
        for each in skipped:
            print(printable(f"  {each.name}: {each.reason}"))


def shard_table(shards: "list[Shard]") -> str:
    """One line for each shard and their sum."""
    rows = [
        (each.path.name, str(each.photos), str(each.masks), f"{each.size / MB:.2f}")
        for each in shards
    ]
    photos, masks = sum(each.photos for each in shards), sum(each.masks for each in shards)
    size = sum(each.size for each in shards) / MB
    rows.append(("all", str(photos), str(masks), f"{size:.2f}"))
    return aligned_table(("shard", "photos", "masks", "MB"), rows, {"shard"})
