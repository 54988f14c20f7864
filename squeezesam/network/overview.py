"""What the variants are and cost, and what is installed, as tables for a terminal."""

import torch

from squeezesam.config import DETECTORS, VARIANTS
from squeezesam.counting import macs, macs_by_block, parameters
from squeezesam.errors import MissingDependencyError, WeightsError
from squeezesam.network.build import build_network
from squeezesam.network.detector import SaliencyDetector
from squeezesam.network.model import SqueezeSam
from squeezesam.network.reference import ReferenceSam
from squeezesam.tables import aligned_table
from squeezesam.versions import check_pair, tool_versions
from squeezesam.weights import known_config, network_kind, shipped_weights


def variants_table() -> str:
    """One row for each variant, and then each detector."""
    rows = []
    for name, config in {**VARIANTS, **DETECTORS}.items():
        network = unallocated(name)
        cells = network.size // config.bottom_stride
        rows.append(
            (
                name,
                f"{parameters(network) / 1e6:.2f}",
                f"{macs(network, network.size, network_kind(name)) / 1e9:.2f} at {network.size}",
                f"1/{config.bottom_stride} ({cells}x{cells})",
                weights_text(name),
            )
        )
    header = ("variant", "M parameters", "GMAC", "bottom scale", "weights")
    return aligned_table(header, rows, {"variant", "GMAC", "bottom scale", "weights"})


def blocks_table(variant: str) -> str:
    """Multiply-accumulates of each block of one variant, in the order of the forward pass.

    Raises:
        ConfigError: unknown variant.
    """
    network = unallocated(variant)
    counts = macs_by_block(network, network.size, network_kind(variant))
    total = sum(counts.values())
    rows = [
        (block, f"{count / 1e6:.1f}", f"{100 * count / total:.1f}")
        for block, count in counts.items()
    ]
    return aligned_table((f"{variant}, block", "MMAC", "%"), rows, {f"{variant}, block"})


def tensors_table() -> str:
    """Inputs and outputs of both kinds of network and of every artifact."""
    kinds = dict.fromkeys(network_kind(name) for name in (*VARIANTS, *DETECTORS))
    rows = [
        (kind.name, way, spec.name, "x".join(map(str, spec.shape)), spec.meaning)
        for kind in kinds
        for way, specs in (("input", kind.inputs), ("output", kind.outputs))
        for spec in specs(kind.size)
    ]
    header = ("network", "", "tensor", "shape", "meaning")
    return aligned_table(header, rows, header)


def tools_text() -> str:
    """Installed tools, and whether torch and executorch fit together."""
    lines = [f"{tool} {version or 'absent'}" for tool, version in tool_versions().items()]
    try:
        check_pair()
    except MissingDependencyError as error:
        verdict = str(error)
    else:
        verdict = "torch and executorch are the pinned pair"
    return f"{', '.join(lines)}\n{verdict}"


def unallocated(variant: str) -> SqueezeSam | ReferenceSam | SaliencyDetector:
    """A variant's or detector's network without memory for its weights: enough to count."""
    with torch.device("meta"):
        return build_network(known_config(variant))


def weights_text(variant: str) -> str:
    """Size of the shipped weights, or that there are none."""
    try:
        return f"yes, {shipped_weights(variant).stat().st_size / 1e6:.1f} MB"
    except WeightsError:
        return "no"
