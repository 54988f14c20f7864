"""ONNX, run by ONNX Runtime on the CPU here and on every phone."""

from pathlib import Path

import torch
from torch import Tensor, nn

from squeezesam.errors import ArtifactError
from squeezesam.runtimes import NetworkCallable
from squeezesam.spec import input_specs, output_specs
from squeezesam_export.ort_file import open_session
from squeezesam_export.quiet import quiet
from squeezesam_export.target import (
    Lowered,
    Precision,
    Target,
    check_shapes,
    float32_io,
    optional,
)

OPSET = 18


def export(model: nn.Module, size: int, precision: Precision, path: Path) -> Lowered:
    """Write one self-contained .onnx file; fp16 keeps float32 inputs and outputs.

    Raises:
        MissingDependencyError: onnx, onnxscript or onnxruntime is not installed.
    """
    inputs, outputs = input_specs(size), output_specs(size)
    with quiet(), optional("onnx"):
        import onnx
        import onnxscript  # noqa: F401 - torch.onnx needs it and names no extra when it is absent
        from onnxruntime.transformers import float16
        from onnxruntime.transformers.onnx_model import OnnxModel

        program = torch.onnx.export(
            model,
            tuple(torch.zeros(spec.shape) for spec in inputs),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=[spec.name for spec in inputs],
            output_names=[spec.name for spec in outputs],
        )
        assert program is not None  # None only without dynamo
        proto = program.model_proto
        if precision == "fp16":
            proto = float16.convert_float_to_float16(proto, keep_io_types=True)
            # Two faults of the converter: casts of inputs come last, recorded types are stale.
            OnnxModel(proto).topological_sort()
            del proto.graph.value_info[:]
            proto = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, path)
    return Lowered(float32_io(inputs + outputs))


def load(path: Path) -> NetworkCallable:
    """An .onnx file as a network callable.

    Raises:
        ArtifactError: missing or damaged, or without our inputs.
        MissingDependencyError: onnxruntime is not installed.
    """
    session = open_session(path)
    names = [node.name for node in session.get_inputs()]
    shapes = [tuple(node.shape) for node in session.get_inputs()]
    if names != [spec.name for spec in input_specs()]:
        raise ArtifactError(f"{path} has inputs {names}, not ours; export it again")

    def network(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        check_shapes(path, inputs, shapes)
        feed = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        low_res_masks, iou_predictions = session.run(None, feed)
        return torch.from_numpy(low_res_masks), torch.from_numpy(iou_predictions)

    return network


TARGET = Target("onnx", ".onnx", ("fp32", "fp16"), f"ONNX opset {OPSET}", export, load)
