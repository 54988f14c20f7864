"""Parameters and multiply-accumulates of every variant, and which tools are installed."""

import copy
from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from squeezesam.environment import check_pair, tool_versions
from squeezesam.errors import MissingDependencyError, WeightsError
from squeezesam.networks.building import TrainedNetwork, build_network
from squeezesam.networks.configs import DETECTORS, VARIANTS
from squeezesam.networks.reference import ReferenceSam
from squeezesam.networks.weights import known_config, network_kind, shipped_weights
from squeezesam.spec import INPUT_SIZE, SEGMENTER, NetworkKind
from squeezesam.terminal import aligned_table

FLOPS_PER_MAC = 2


def parameters(module: nn.Module) -> int:
    """Number of trained values; buffers such as BatchNorm's running statistics do not count."""
    return sum(parameter.numel() for parameter in module.parameters())


def macs(module: nn.Module, size: int = INPUT_SIZE, kind: NetworkKind = SEGMENTER) -> int:
    """Multiply-accumulates of one inference at the `size` that the network was built for.

    Convolutions and matrix products count; resizing, normalisation and activations do not.
    """
    return sum(macs_by_operator(module, our_shapes(size, kind)).values())


def macs_by_operator(module: nn.Module, shapes: Iterable[tuple[int, ...]]) -> dict[str, int]:
    """Multiply-accumulates of one call with float inputs of these shapes, by ATen operator.

    Linear layers are `addmm` or `mm`, the products inside of attention `bmm`.
    """
    flops = _count(module, shapes).get_flop_counts()["Global"]
    return {operator.__name__: count // FLOPS_PER_MAC for operator, count in flops.items()}


def our_shapes(size: int, kind: NetworkKind = SEGMENTER) -> list[tuple[int, ...]]:
    """Shapes of the inputs of one kind of network."""
    inputs, _ = kind.shapes(size)
    return inputs


def macs_by_block(
    module: nn.Module, size: int = INPUT_SIZE, kind: NetworkKind = SEGMENTER
) -> dict[str, int]:
    """Multiply-accumulates of every child, with the items of a list as children of their own."""
    return macs_of(_block_names(module), module, size, kind)


def macs_of(
    names: Iterable[str],
    module: nn.Module,
    size: int = INPUT_SIZE,
    kind: NetworkKind = SEGMENTER,
) -> dict[str, int]:
    """Multiply-accumulates of submodules by their dotted names; none for other names."""
    flops = _count(module, our_shapes(size, kind)).get_flop_counts()
    root = type(module).__name__
    return {name: sum(flops.get(f"{root}.{name}", {}).values()) // FLOPS_PER_MAC for name in names}


def _block_names(module: nn.Module) -> Iterator[str]:
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            yield from (f"{name}.{index}" for index in range(len(child)))
        else:
            yield name


def _count(module: nn.Module, shapes: Iterable[tuple[int, ...]]) -> FlopCounterMode:
    shadow = copy.deepcopy(module).to("meta").eval().requires_grad_(False)
    inputs = [torch.zeros(shape, device="meta") for shape in shapes]
    # The counter knows matrix products, but not the fused attention of every device.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        shadow(*inputs)
    return counter


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


def unallocated(variant: str, size: int | None = None) -> TrainedNetwork | ReferenceSam:
    """A variant's or detector's network without memory for its weights: enough to count.

    Args:
        variant: its name.
        size: side of the square input in pixels; None for that of the kind of network.
    """
    with torch.device("meta"):
        return build_network(known_config(variant), size)


def weights_text(variant: str) -> str:
    """Size of the shipped weights, or that there are none."""
    try:
        return f"yes, {shipped_weights(variant).stat().st_size / 1e6:.1f} MB"
    except WeightsError:
        return "no"
