"""Quantized bilinear resizing whose roundings no processor can see differently."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from squeezesam_export.targets.onnx_quantization import break_ties

STEP = np.float32(0.0245)


def resizing() -> onnx.ModelProto:
    """Q, DQ, Resize, Q, DQ with one step for all, as ONNX Runtime's quantizer leaves it."""
    constants = {"step": STEP, "zero": np.uint8(100), "double": np.array([1, 1, 2, 2], np.float32)}
    quantization = ["step", "zero"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", *quantization], ["q"]),
        helper.make_node("DequantizeLinear", ["q", *quantization], ["dq"]),
        helper.make_node("Resize", ["dq", "", "double"], ["big"], name="up", mode="linear"),
        helper.make_node("QuantizeLinear", ["big", *quantization], ["big_q"]),
        helper.make_node("DequantizeLinear", ["big_q", *quantization], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "resizing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 64, 64])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 128, 128])
            for name in ("big", "y")
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def resized(model: onnx.ModelProto) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = np.random.default_rng(0).uniform(-2, 3, (1, 1, 64, 64)).astype(np.float32)
    big, y = session.run(None, {"x": x})
    return big, y


def distance_to_ties(values: np.ndarray, step: float) -> float:
    """Smallest distance of a value from halfway between two integers, in steps."""
    steps = values.astype(np.float64) / step
    return float(np.abs(steps - np.floor(steps) - 0.5).min())


def test_no_result_lies_halfway_between_two_steps() -> None:
    model = resizing()
    big, _ = resized(model)
    assert distance_to_ties(big, STEP) < 1e-4
    break_ties(model)
    onnx.checker.check_model(model, full_check=True)
    big, y = resized(model)
    grown = STEP * np.float32(1 + 2**-9)
    assert distance_to_ties(big, grown) > 1 / 2048
    assert np.abs(y - big).max() == pytest.approx(grown / 2, rel=0.01)


def test_the_step_before_the_resize_stays() -> None:
    model = resizing()
    break_ties(model)
    scales = [node.input[1] for node in model.graph.node if "Linear" in node.op_type]
    assert scales == ["step", "step", "up_step_grown", "up_step_grown"]
