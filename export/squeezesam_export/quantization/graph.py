"""The network's graph as quantization sees it: activations by name, and blocks as pieces."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from squeezesam.errors import ConfigError
from squeezesam_export.quantization.calibration import Inputs
from squeezesam_export.quantization.schemes import QuantizedScheme, Scheme

FUSION = "fusion"
"""The operators between the named modules: concatenations, sums and the pooling of the mean."""


def block_names(model: nn.Module) -> tuple[str, ...]:
    """Blocks in the order of the network: its children, and the children of its lists."""
    names = []
    for name, child in model.named_children():
        is_list = isinstance(child, nn.ModuleList | nn.Sequential)
        names += [f"{name}.{inner}" for inner, _ in child.named_children()] if is_list else [name]
    return (*names, FUSION)


def block_of(module_path: str, names: Iterable[str]) -> str:
    """The block that a module belongs to, such as encoder.0 for encoder.0.1.conv1."""
    for name in names:
        if module_path == name or module_path.startswith(f"{name}."):
            return name
    return FUSION


def check_blocks(keep_float: Iterable[str], models: Iterable[nn.Module]) -> None:
    """See that blocks exist, each in one of the networks at least.

    Raises:
        ConfigError: one does not.
    """
    names = list(dict.fromkeys(name for model in models for name in block_names(model)))
    for block in keep_float:
        if block not in names:
            raise ConfigError(
                f"unknown block {block!r} to keep in float; choose {', '.join(names)}"
            )


def with_blocks_of(scheme: Scheme, model: nn.Module) -> Scheme:
    """The scheme, of whose blocks to keep in float only those of a network are left."""
    if not isinstance(scheme, QuantizedScheme):
        return scheme
    known = block_names(model)
    kept = tuple(name for name in scheme.keep_float if name in known)
    return dataclasses.replace(scheme, keep_float=kept)


class Recorder(torch.fx.Interpreter):
    """Runs a graph as a network callable and keeps activations of the latest run.

    Attributes:
        seen: what each node gave, by the node's name.

    Args:
        graph: exported, with or without quantization.
        names: nodes to keep; None for all.
    """

    def __init__(self, graph: nn.Module, names: Collection[str] | None = None) -> None:
        assert isinstance(graph, torch.fx.GraphModule)
        super().__init__(graph)
        self.names = names
        self.seen: dict[str, Tensor] = {}

    def __call__(self, *inputs: Tensor) -> Any:
        """As the model that the graph comes from."""
        self.seen = {}
        with torch.no_grad():
            return self.run(*inputs)

    def run_node(self, n: torch.fx.Node) -> Any:
        """Run one node and keep what it gives."""
        value = super().run_node(n)
        if self.names is None or n.name in self.names:
            self.seen[n.name] = value
        return value


def floating_graph(model: nn.Module, example: Inputs) -> torch.fx.GraphModule:
    """The graph of a folded model, its nodes named as in the quantized graphs."""
    return torch.export.export(model, example, strict=False).module()


def module_path(node: torch.fx.Node) -> str:
    """Path of the innermost module that a node of an exported graph comes from."""
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return str(paths[-1]) if paths else ""


def block_outputs(model: nn.Module, graph: torch.fx.GraphModule) -> dict[str, tuple[str, ...]]:
    """Names of the nodes whose values leave each block, for another block or as an answer.

    Args:
        model: that the graph comes from.
        graph: in float.
    """
    names = block_names(model)
    outputs: dict[str, list[str]] = {name: [] for name in names}
    for node in graph.graph.nodes:
        if node.op == "call_function":
            block = block_of(module_path(node), names)
            if any(
                user.op == "output" or block_of(module_path(user), names) != block
                for user in node.users
            ):
                outputs[block].append(node.name)
    return {block: tuple(nodes) for block, nodes in outputs.items()}


def received(graph: torch.fx.GraphModule, names: Collection[str]) -> Mapping[str, str]:
    """For nodes of a quantized graph, the nodes that give what the following operators receive.

    That is the node itself, or the dequantization behind it where its value is rounded.
    """
    found = {}
    for node in graph.graph.nodes:
        if node.name in names:
            rounded = [user for user in node.users if is_call(user, "quantize_per_tensor")]
            back = [
                user
                for quantize in rounded
                for user in quantize.users
                if is_call(user, "dequantize_per_tensor")
            ]
            found[node.name] = back[0].name if back else node.name
    return found


def is_call(node: torch.fx.Node, operator: str) -> bool:
    """Whether a node calls an operator of this name, in any overload."""
    return getattr(getattr(node.target, "overloadpacket", None), "__name__", "") == operator
