"""Quantization of the exported PyTorch graph by torchao's PT2E flow, with a vendor's quantizer."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, cast

import torch
from torch import nn

from squeezesam_export.quantization.calibration import Inputs
from squeezesam_export.quantization.graph import (
    Recorder,
    block_names,
    block_of,
    is_call,
    module_path,
)

EPS = 2**-12
"""Smallest scale, as in XNNPACK's own configuration."""

PRODUCTS = ("linear", "conv2d", "conv_transpose2d")
"""Operators with weights."""

ANNOTATION = "quantization_annotation"
"""Where quantizers note on a node what becomes of its inputs and output."""


def int8_quantizer(*, for_training: bool = False) -> Any:
    """Int8 as XNNPACK takes it: activations per tensor, weights symmetric per output channel.

    Core ML takes it too, so that one graph, one calibration and one training serve all delegates.
    Its own quantizer traces four hundred patterns for minutes, to the same end.
    """
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e import MinMaxObserver

    config = get_symmetric_quantization_config(is_per_channel=True, is_qat=for_training)
    if not for_training:
        # XNNPACK's own choice, a histogram, cuts rare values off: they are a mask's sure pixels.
        whole_range = dataclasses.replace(
            config.input_activation, observer_or_fake_quant_ctr=MinMaxObserver.with_args(eps=EPS)
        )
        config = dataclasses.replace(
            config, input_activation=whole_range, output_activation=whole_range
        )
    return XNNPACKQuantizer().set_global(config)


def quantized(
    model: nn.Module, calibration: Sequence[Inputs], keep_float: Collection[str]
) -> torch.fx.GraphModule:
    """The model as a graph of quantize, dequantize and float operators that a delegate fuses.

    Args:
        model: folded, in float32.
        calibration: inputs to see the ranges of activations on, at least one.
        keep_float: blocks that stay in float32.
    """
    return quantized_each(model, calibration, [keep_float])[0]


def quantized_each(
    model: nn.Module, calibration: Sequence[Inputs], choices: Sequence[Collection[str]]
) -> list[torch.fx.GraphModule]:
    """What `quantized` gives for each of several choices of the blocks that stay in float.

    The network runs only once on each input: what it shows to the observers does not depend on
    where they are.
    """
    from torchao.quantization.pt2e import ObserverBase
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    names, products_only = block_names(model), getattr(model, "rounds_products_only", False)
    program = torch.export.export(model, calibration[0], strict=False)
    prepared = [
        prepare_pt2e(
            program.module(),
            keeping_float(int8_quantizer(), names, kept, products_only=products_only),
        )
        for kept in choices
    ]
    observed = []
    for graph in prepared:
        observers = dict(graph.named_modules(remove_duplicate=False))  # some are shared
        for node in graph.graph.nodes:
            observer = observers.get(str(node.target))
            if node.op == "call_module" and isinstance(observer, ObserverBase):
                observed.append((observer, node.args[0].name))
    # Nothing else is kept: the scores of global attention alone would be gigabytes.
    recorder = Recorder(program.module(), {name for _, name in observed})
    for inputs in calibration:
        recorder(*inputs)
        for observer, name in observed:
            observer(recorder.seen[name])
    return [convert_pt2e(graph) for graph in prepared]


def rounding(model: nn.Module, example: Inputs) -> nn.Module:
    """The model with XNNPACK's fake quantization, whose gradients reach the float weights.

    Args:
        model: folded, in float32.
        example: inputs of the batch and size to train with.
    """
    from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e

    graph = torch.export.export(model, example, strict=False).module()
    return cast(nn.Module, prepare_qat_pt2e(graph, int8_quantizer(for_training=True)))


def keeping_float(
    quantizer: Any,
    names: Collection[str],
    keep_float: Collection[str],
    *,
    products_only: bool = False,
) -> Any:
    """The quantizer, which from now on leaves some parts of the network alone.

    Args:
        quantizer: of the delegate.
        names: all blocks of the network.
        keep_float: those where it inserts nothing.
        products_only: whether it inserts something around convolutions and linear layers alone.
    """
    annotate = quantizer.annotate

    def annotate_some(graph_module: Any) -> Any:
        annotate(graph_module)
        for node in graph_module.graph.nodes:
            kept = node.op == "call_function" and (
                block_of(module_path(node), names) in keep_float
                or (products_only and not any(is_call(node, name) for name in PRODUCTS))
            )
            if kept or shares_with_float(node):
                node.meta.pop(ANNOTATION, None)
        return graph_module

    quantizer.annotate = annotate_some
    return quantizer


def shares_with_float(node: torch.fx.Node) -> bool:
    """Whether a node would be quantized like an earlier one that stays in float.

    Such are operators that only move values, for example from a block that is kept in float.
    """
    annotation = node.meta.get(ANNOTATION)
    if annotation is None:
        return False
    specs = (annotation.output_qspec, *annotation.input_qspec_map.values())
    shared = [spec.edge_or_node for spec in specs if hasattr(spec, "edge_or_node")]
    # An edge, a pair of nodes, is annotated at its end.
    owners = [which[1] if isinstance(which, tuple) else which for which in shared]
    return any(ANNOTATION not in owner.meta for owner in owners)
