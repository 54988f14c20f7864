"""The network that an artifact came from, operator by operator, with the block of each."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from squeezesam.networks.building import build_network, folded
from squeezesam.networks.overview import macs, macs_by_block
from squeezesam.networks.weights import known_config, network_kind
from squeezesam_benchmarks.profiling.records import ProfiledBlock
from squeezesam_export.quantization.graph import FUSION, block_of, module_path

CONVOLUTION = "conv2d"
LINEAR = "linear"
PRODUCTS = frozenset(
    {CONVOLUTION, LINEAR, "bmm", "conv_transpose2d", "matmul", "scaled_dot_product_attention"}
)
"""Kinds whose multiply-accumulates are counted."""


@dataclass(frozen=True)
class NetworkOperator:
    """One operator of the exported graph.

    Attributes:
        name: in the graph, or of the output that it gives, as torch's ONNX exporter names tensors.
        kind: PyTorch's name; a convolution that is a linear layer over the cells is `linear`.
        source: name of its first input; None where that is no operator.
        traffic_values: numbers in its inputs, weights and outputs.
    """

    name: str
    kind: str
    block: str
    source: str | None
    traffic_values: int


@dataclass(frozen=True)
class ProfiledNetwork:
    """A variant at one size.

    Attributes:
        operators: in the order in which they are exported.
        parameters: the block of each, by its dotted name.
        macs: of each block, in the order of the network, FUSION last.
    """

    operators: tuple[NetworkOperator, ...]
    parameters: dict[str, str]
    macs: dict[str, int]

    def blocks(self, value_bytes: int) -> tuple[ProfiledBlock, ...]:
        """What each block has to do in arithmetic of so many bytes a value."""
        traffic: Counter[str] = Counter()
        for operator in self.operators:
            if operator.kind in PRODUCTS:
                traffic[operator.block] += operator.traffic_values * value_bytes
        return tuple(ProfiledBlock(name, count, traffic[name]) for name, count in self.macs.items())


def describe_network(variant: str, size: int) -> ProfiledNetwork:
    """Export a variant as the exporters do and read where each operator comes from.

    Args:
        variant: name in `squeezesam.networks.configs.VARIANTS` or `DETECTORS`.
        size: side of the square input in pixels.

    Raises:
        ConfigError: an unknown variant, or a size that does not fit it.
    """
    kind = network_kind(variant)
    model = folded(build_network(known_config(variant), size))
    example = tuple(torch.zeros(spec.shape) for spec in kind.inputs(size))
    counts = macs_by_block(model, size, kind)
    graph = torch.export.export(model, example, strict=False).graph
    names = {node: node.name for node in graph.nodes if node.op == "call_function"}
    _, outputs = kind.names()
    names.update(zip(graph.output_node().all_input_nodes, outputs, strict=True))
    operators = []
    for node, name in names.items():
        inputs = node.all_input_nodes
        operators.append(
            NetworkOperator(
                name=name,
                kind=kind_of(node),
                block=block_of(module_path(node), counts),
                source=names.get(inputs[0]) if inputs else None,
                traffic_values=sum(map(values, (*inputs, node))),
            )
        )
    return ProfiledNetwork(
        operators=tuple(operators),
        parameters={name: block_of(name, counts) for name, _ in model.named_parameters()},
        macs={**counts, FUSION: macs(model, size, kind) - sum(counts.values())},
    )


def kind_of(node: torch.fx.Node) -> str:
    """PyTorch's name of what a node calls, without its overload."""
    target = node.target
    kind = str(getattr(getattr(target, "overloadpacket", target), "__name__", target))
    return LINEAR if kind == CONVOLUTION and is_pointwise(node) else kind


def is_pointwise(node: torch.fx.Node) -> bool:
    """Whether a convolution is 1x1, in one group and at stride 1."""
    named = dict(zip(("input", "weight", "bias", "stride"), node.args, strict=False))
    source, weight = node.args[0], node.args[1]
    assert isinstance(source, torch.fx.Node)
    assert isinstance(weight, torch.fx.Node)
    shape = weight.meta["val"].shape
    in_one_group = shape[1] == source.meta["val"].shape[1]
    strides = named.get("stride", [1])
    assert isinstance(strides, Iterable)
    return in_one_group and tuple(shape[2:]) == (1, 1) and set(strides) == {1}


def values(node: torch.fx.Node) -> int:
    """Numbers in the tensor that a node gives."""
    shape = getattr(node.meta.get("val"), "shape", ())
    return math.prod(shape) if shape else 0
