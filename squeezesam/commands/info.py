"""`squeezesam info`: what the variants are and cost, and whether the tools fit together."""

import argparse

HELP = "show the variants, their cost, the network's inputs and outputs, and the tools"
GROUP = "use"
EXAMPLE = "squeezesam info --variant base"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--variant", help="also show where this variant spends its compute")


def run(args: argparse.Namespace) -> None:
    """Print the tables."""
    from squeezesam.networks.overview import blocks_table, tensors_table, tools_text, variants_table

    sections = [variants_table(), tensors_table(), tools_text()]
    if args.variant is not None:
        sections.insert(1, blocks_table(args.variant))
    print("\n\n".join(sections))
