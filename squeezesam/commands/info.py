"""`squeezesam info`: the variants by size and compute, the network's contract, the tools."""

import argparse

from squeezesam.config import VARIANTS, variant_config
from squeezesam.counting import macs, macs_by_block, parameters
from squeezesam.network.build import build_network
from squeezesam.spec import INPUT_SIZE, input_specs, output_specs
from squeezesam.versions import tool_versions
from squeezesam.weights import ZOO

HELP = "parameters and MACs of the variants, inputs and outputs, tool versions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--variant", help="one variant, with the MACs of each of its blocks")


def run(args: argparse.Namespace) -> None:
    """Print what there is to know without running anything."""
    variants = VARIANTS
    if args.variant is not None:
        variants = {args.variant: variant_config(args.variant)}
    print(f"{'variant':<12}{'M params':>10}{'GMAC':>8}  shipped weights (at {INPUT_SIZE} px)")
    for name, config in variants.items():
        network = build_network(config, INPUT_SIZE).eval()
        path = ZOO / f"{name}.safetensors"
        shipped = f"{path.stat().st_size / 1e6:.1f} MB" if path.is_file() else "none"
        million, giga = parameters(network) / 1e6, macs(network, INPUT_SIZE) / 1e9
        print(f"{name:<12}{million:>10.2f}{giga:>8.2f}  {shipped}")
        if args.variant is not None:
            for block, count in macs_by_block(network, INPUT_SIZE).items():
                print(f"  {block:<20}{count / 1e9:>8.3f}")
    for title, specs in (("inputs", input_specs()), ("outputs", output_specs())):
        print(f"\n{title}")
        for spec in specs:
            shape = "x".join(map(str, spec.shape))
            print(f"  {spec.name:<16}{shape:<14}{spec.dtype}  {spec.meaning}")
    print("\ntools")
    for tool, found in tool_versions().items():
        print(f"  {tool:<14}{found or 'not installed'}")
