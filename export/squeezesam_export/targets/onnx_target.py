"""ONNX, run by ONNX Runtime on the CPU here and on every phone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from squeezesam.inference.load import LoadedNetwork
from squeezesam_export.quantization.schemes import FloatScheme, StaticInt8, WeightInt8
from squeezesam_export.targets import onnx_quantization
from squeezesam_export.targets.ort_file import OnnxFile
from squeezesam_export.targets.quiet import quiet
from squeezesam_export.targets.target import (
    ExportJob,
    ExportTarget,
    LoweringReport,
    check_shapes,
    checked_answers,
    float32_io,
    kind_named,
    optional,
    size_shaped,
)

OPSET = 18
FIRST_PREFIX = "first/"
"""Of the names in a graph in front of a network."""

OPEN_SIDE = "points"
"""What the files call the length of an open axis."""


def export(job: ExportJob, path: Path, opset: int = OPSET) -> LoweringReport:
    """Write one self-contained .onnx file; its inputs and outputs are float32 in every scheme.

    Raises:
        MissingDependencyError: onnx, onnxscript or onnxruntime is not installed.
    """
    with quiet(), optional("onnx"):
        import onnx

        first, main = job.parts()
        proto = apply_scheme(float32_proto(main, opset), main)
        if first is not None:
            proto = joined(float32_proto(first, opset), proto, job)
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, path)
    io_dtypes = float32_io(job.inputs + job.outputs)
    return LoweringReport(io_dtypes, f"ONNX opset {opset}")


def float32_proto(job: ExportJob, opset: int) -> Any:
    """The network as an onnx.ModelProto in float32."""
    import onnxscript  # noqa: F401 - torch.onnx needs it and names no extra when it is absent

    lengths = dict(job.kind.open_axes)
    open_side = torch.export.Dim(OPEN_SIDE, min=1)
    program = torch.onnx.export(
        job.model,
        tuple(torch.zeros(spec.shape) for spec in job.inputs),
        dynamo=True,
        opset_version=opset,
        external_data=False,
        input_names=[spec.name for spec in job.inputs],
        output_names=[spec.name for spec in job.outputs],
        dynamic_shapes=tuple(
            {lengths[spec.name]: open_side} if spec.name in lengths else None for spec in job.inputs
        )
        if lengths
        else None,
    )
    assert program is not None  # None only without dynamo
    return program.model_proto


def stored_tensors(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Type, by its name in ONNX, and shape of each tensor that an ONNX file stores.

    Raises:
        MissingDependencyError: onnx is not installed.
    """
    with optional("onnx"):
        import onnx

        names = onnx.TensorProto.DataType.Name
        graph = onnx.load(path, load_external_data=False).graph
        return [(names(one.data_type), tuple(one.dims)) for one in graph.initializer]


def joined(first: Any, proto: Any, job: ExportJob) -> Any:
    """A graph and the network behind it as one onnx.ModelProto, with the inputs of a job.

    Args:
        first: the graph in front; what it gives are inputs of the network.
        proto: the network.
        job: of both.
    """
    from onnx import compose

    first = compose.add_prefix(first, FIRST_PREFIX, rename_inputs=False, rename_outputs=False)
    # Versions of the format and notes of the exporters may differ, and neither matters.
    first.ir_version = proto.ir_version
    del first.metadata_props[:], proto.metadata_props[:]
    handed_on = [(output.name, output.name) for output in first.graph.output]
    whole = compose.merge_models(first, proto, handed_on)
    del whole.opset_import[:]  # which lists the one opset of both twice
    whole.opset_import.extend(proto.opset_import)
    inputs = {node.name: node for node in whole.graph.input}
    del whole.graph.input[:]
    whole.graph.input.extend(inputs[spec.name] for spec in job.inputs)
    return whole


def apply_scheme(proto: Any, job: ExportJob) -> Any:
    """The same network in the job's scheme."""
    match job.scheme:
        case FloatScheme(dtype=torch.float32):
            return proto
        case FloatScheme(dtype=torch.float16):
            return half_precision(proto)
        case WeightInt8() as scheme:
            return onnx_quantization.int8_weights(proto, job.model, scheme)
        case StaticInt8() as scheme:
            return onnx_quantization.static_int8(proto, job, scheme)
    raise AssertionError(job.scheme)


def half_precision(proto: Any) -> Any:
    """The same network in float16, but for its inputs and outputs."""
    import onnx
    from onnxruntime.transformers import float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    proto = float16.convert_float_to_float16(proto, keep_io_types=True)
    # Two faults of the converter: casts of inputs come last, recorded types are stale.
    OnnxModel(proto).topological_sort()
    del proto.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(proto, strict_mode=True)


def load(path: Path) -> LoadedNetwork:
    """An .onnx file as a callable.

    Raises:
        ArtifactError: missing or damaged, or of none of our networks.
        MissingDependencyError: onnxruntime is not installed.
    """
    file = OnnxFile(path)
    names = [node.name for node in file.inputs]
    shapes = [node.shape for node in file.inputs]
    kind = kind_named(path, names, [node.name for node in file.outputs])
    size = size_shaped(path, kind, shapes)

    def answer(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        check_shapes(path, inputs, shapes)
        feed = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return checked_answers(path, file.run(None, feed), kind, size)

    return LoadedNetwork(kind, size, answer)


TARGET = ExportTarget(
    "onnx",
    ".onnx",
    ("fp32", "fp16", "int8", "w8a16", "int8-weights"),
    "ONNX Runtime",
    export,
    load,
    draws=True,
)
