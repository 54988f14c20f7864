"""Quantized ONNX graphs in QDQ form, by ONNX Runtime's own quantizer where it has one."""

import ast
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from squeezesam_export.quantization.graph import block_names, block_of
from squeezesam_export.quantization.schemes import StaticInt8, WeightInt8
from squeezesam_export.targets.target import ExportJob

STEP_GROWTH = 1 + 2**-9
"""Doubling by bilinear interpolation gives sixteenths of the input's step. An output of the same
step would have many results halfway between two integers, where the last bit of float32 decides,
and processors differ in it. With this growth n + 1/2 output steps are 16n + 8 + (n + 1/2) / 32
sixteenths, no whole number for any n that 8 bits hold, and at least 1/1024 of a step from one."""


def break_ties(proto: Any) -> None:
    """Give the output of every quantized Resize a step of its own, in place.

    Args:
        proto: an ONNX model in QDQ form, whose Resize nodes double the sides.
    """
    from onnx import numpy_helper

    scales = {tensor.name: tensor for tensor in proto.graph.initializer}
    nodes = proto.graph.node
    for resize in [node for node in nodes if node.op_type == "Resize"]:
        quantize = [node for node in nodes if resize.output[0] in node.input]
        quantize = [node for node in quantize if node.op_type == "QuantizeLinear"]
        quantized = {node.output[0] for node in quantize}
        after = [node for node in nodes if quantized & set(node.input)]
        for node in (*quantize, *after):
            scale = numpy_helper.to_array(scales[node.input[1]])
            name = f"{resize.name}_{node.input[1]}_grown"
            if name not in scales:
                grown = numpy_helper.from_array(scale * scale.dtype.type(STEP_GROWTH), name)
                proto.graph.initializer.append(grown)
                scales[name] = grown
            node.input[1] = name


CPU_OPS = ("Conv", "Gemm", "Relu", "Concat", "Resize")
"""Where 8 bits pay on a CPU; pairs of Q and DQ around sums and products of activations cost more
time and accuracy than they save (docs/log.md)."""

WEIGHT_AXES = {"Conv": 0, "MatMul": 1}
"""Operators with a constant second input, and that input's axis of output channels."""

SCOPES = "pkg.torch.onnx.name_scopes"
"""Where torch's exporter notes the modules that a node comes from, as a Python list."""


def static_int8(proto: Any, job: ExportJob, scheme: StaticInt8) -> Any:
    """Quantize weights and activations.

    With 8-bit activations, only what pays on a CPU; with 16-bit ones everything, in the form that
    Qualcomm's accelerators take whole.

    Args:
        proto: the network in float32.
        job: that it was exported for.
        scheme: the job's.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, StaticQuantConfig
    from onnxruntime.quantization import quantize as ort_quantize
    from onnxruntime.quantization.execution_providers.qnn import (
        get_qnn_qdq_config,
        qnn_preprocess_model,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class CalibrationReader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.feeds = feeds(job)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self.feeds, None)

    kept = names_in_blocks(proto, job.model, scheme.keep_float)
    del proto.metadata_props[:]  # ONNX Runtime's preparation for Qualcomm stumbles over any
    with tempfile.TemporaryDirectory() as folder:
        prepared, quantized = (Path(folder) / name for name in ("prepared.onnx", "quantized.onnx"))
        onnx.save(proto, prepared)
        if scheme.activation_bits == 16:
            qnn_preprocess_model(prepared, prepared)
        else:
            quant_pre_process(prepared, prepared, skip_symbolic_shape=True)
        # A node that was fused keeps the name of its first part, and a suffix.
        nodes = onnx.load(prepared).graph.node
        excluded = [node.name for node in nodes if node.name.partition("/")[0] in kept]
        if scheme.activation_bits == 16:
            config = get_qnn_qdq_config(
                prepared,
                CalibrationReader(),
                activation_type=QuantType.QUInt16,
                weight_type=QuantType.QInt8,
                per_channel=True,
                nodes_to_exclude=excluded,
            )
        else:
            config = StaticQuantConfig(
                CalibrationReader(),
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                op_types_to_quantize=list(CPU_OPS),
                nodes_to_exclude=excluded,
            )
        ort_quantize(prepared, quantized, config)
        made = onnx.load(quantized)
    if scheme.activation_bits == 8:
        break_ties(made)
    return made


def feeds(job: ExportJob) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Calibration inputs by name."""
    names = [spec.name for spec in job.inputs]
    for inputs in job.calibration:
        yield {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}


def names_in_blocks(proto: Any, model: nn.Module, blocks: Sequence[str]) -> set[str]:
    """Names of the nodes that belong to some blocks of the network."""
    known = block_names(model)
    names = set()
    for node in proto.graph.node:
        scopes = [entry.value for entry in node.metadata_props if entry.key == SCOPES]
        # From the whole network down to the operator itself, which is no module.
        modules = ast.literal_eval(scopes[0])[:-1] if scopes else [""]
        if block_of(modules[-1], known) in blocks:
            names.add(node.name)
    return names


def int8_weights(proto: Any, model: nn.Module, scheme: WeightInt8) -> Any:
    """Store the weights of convolutions and linear layers as int8, by output channel.

    The runtime turns them into float32 once, when it loads the file.

    Args:
        proto: the network in float32.
        model: that it was exported from.
        scheme: what to quantize.
    """
    import onnx
    from onnx import numpy_helper

    kept = names_in_blocks(proto, model, scheme.keep_float)
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    nodes = []
    for node in proto.graph.node:
        axis = WEIGHT_AXES.get(node.op_type)
        if axis is not None and node.name not in kept and node.input[1] in weights:
            name = node.input[1]
            integers, scales = per_channel_int8(numpy_helper.to_array(weights[name]), axis)
            parts = f"{name}_int8", f"{name}_scale"
            proto.graph.initializer.remove(weights.pop(name))
            for part, array in zip(parts, (integers, scales), strict=True):
                proto.graph.initializer.append(numpy_helper.from_array(array, part))
            nodes.append(onnx.helper.make_node("DequantizeLinear", parts, [name], axis=axis))
        nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto


def per_channel_int8(
    weight: NDArray[np.float32], axis: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 of a weight, and the scale of each channel along `axis`."""
    others = tuple(dimension for dimension in range(weight.ndim) if dimension != axis)
    largest = np.abs(weight).max(axis=others)
    scales = (np.where(largest > 0, largest, 1) / 127).astype(np.float32)
    integers = np.rint(weight / np.expand_dims(scales, others)).astype(np.int8)
    return integers, scales
