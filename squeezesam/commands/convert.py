"""`squeezesam convert`: a published PyTorch checkpoint as a weights file."""

import argparse
from pathlib import Path

HELP = "turn a published checkpoint of EfficientSAM, SAM, MobileSAM or EdgeSAM into a weights file"
GROUP = "use"
EXAMPLE = "squeezesam convert efficient_sam_vitt.pt --to safetensors"
FORMATS = ("safetensors",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("checkpoint", type=Path, help="as it was published, such as a .pt file")
    parser.add_argument(
        "--to", choices=FORMATS, default=FORMATS[0], help=f"format (default {FORMATS[0]})"
    )
    parser.add_argument(
        "--out", type=Path, help="new file (default: beside the checkpoint, with that suffix)"
    )


def run(args: argparse.Namespace) -> None:
    """Write the weights and say what they are.

    Raises:
        OutputError: the file exists, or cannot be written.
        WeightsError: the checkpoint is missing, damaged, of no known network, or no tensors alone.
    """
    from squeezesam.networks.conversion import convert

    out = args.out or args.checkpoint.with_suffix(f".{args.to}")
    variant = convert(args.checkpoint, out)
    print(f"wrote {out}, weights of {variant}")
