"""Bilinear resizing between quantized tensors, the same on every processor."""

from typing import Any

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
