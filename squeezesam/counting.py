"""Parameters and multiply-accumulates, counted from the network itself."""

import copy
from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from squeezesam.spec import INPUT_SIZE, SEGMENTER, NetworkKind

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
