"""Quantization of the exported PyTorch graph by torchao's PT2E flow, with a vendor's quantizer."""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any, cast

import torch
from torch import nn

from squeezesam_export.quantization.blocks import block_names, block_of
from squeezesam_export.quantization.calibration import Inputs

EPS = 2**-12
"""Smallest scale, as in XNNPACK's own configuration."""

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
) -> nn.Module:
    """The model as a graph of quantize, dequantize and float operators that a delegate fuses.

    Args:
        model: folded, in float32.
        calibration: inputs to see the ranges of activations on, at least one.
        keep_float: blocks that stay in float32.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    prepared = prepare(model, int8_quantizer(), calibration[0], keep_float, prepare_pt2e)
    with torch.no_grad():
        for inputs in calibration:
            prepared(*inputs)
    return cast(nn.Module, convert_pt2e(prepared))


def rounding(model: nn.Module, example: Inputs) -> nn.Module:
    """The model with XNNPACK's fake quantization, whose gradients reach the float weights.

    Args:
        model: folded, in float32.
        example: inputs of the batch and size to train with.
    """
    from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e

    return prepare(model, int8_quantizer(for_training=True), example, (), prepare_qat_pt2e)


def prepare(
    model: nn.Module,
    quantizer: Any,
    example: Inputs,
    keep_float: Collection[str],
    insert: Callable[[Any, Any], nn.Module],
) -> nn.Module:
    """The model's graph with observers or fake quantization where the quantizer wants them.

    Args:
        model: folded, in float32.
        quantizer: of the delegate.
        example: inputs to trace the graph with.
        keep_float: blocks where nothing is inserted.
        insert: torchao's `prepare_pt2e` or `prepare_qat_pt2e`.
    """
    names = block_names(model)
    annotate = quantizer.annotate

    def annotate_some(graph_module: Any) -> Any:
        annotate(graph_module)
        for node in graph_module.graph.nodes:
            if node.op == "call_function" and block_of(module_path(node), names) in keep_float:
                node.meta.pop(ANNOTATION, None)
        return graph_module

    quantizer.annotate = annotate_some
    program = torch.export.export(model, example, strict=False)
    return insert(program.module(), quantizer)


def module_path(node: torch.fx.Node) -> str:
    """Path of the innermost module that a node of an exported graph comes from."""
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return str(paths[-1]) if paths else ""
