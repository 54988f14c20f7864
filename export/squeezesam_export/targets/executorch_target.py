"""ExecuTorch programs, lowered to the XNNPACK or the Core ML delegate.

An fp16 program has fp16 inputs and outputs: casts inside would be operators outside the delegate.
The loader casts instead. XNNPACK keeps the weights of fp16 convolutions in float32, so such a file
is hardly smaller.
"""

import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from squeezesam.environment import check_pair
from squeezesam.errors import ArtifactError, SqueezeSamError
from squeezesam.inference.load import InterpretedNetwork, LoadedNetwork
from squeezesam.networks.building import written_out
from squeezesam.spec import NetworkKind
from squeezesam_export.mlprogram.interpreter import InterpretedModel
from squeezesam_export.mlprogram.package import empty_model
from squeezesam_export.quantization import pt2e
from squeezesam_export.quantization.schemes import FloatScheme, StaticInt8
from squeezesam_export.targets.coreml_target import input_shapes
from squeezesam_export.targets.quiet import quiet
from squeezesam_export.targets.target import (
    ExportJob,
    ExportTarget,
    IoDtype,
    LoweringReport,
    check_shapes,
    checked_answers,
    float32_io,
    graph_kinds,
    kind_named,
    optional,
    size_shaped,
)
from squeezesam_export.targets.trial import MAX_ARTIFACT_BYTES, check_by_trial

DELEGATE = "CoreMLBackend"
BLOCK_BYTES = 1 << 20
"""Of a file that is searched for that name."""

PACKAGE = "lowered_module/model.mlpackage"


def is_delegated(path: Path) -> bool:
    """Whether a file is an ExecuTorch program that names the Core ML delegate."""
    if not path.is_file() or path.stat().st_size > MAX_ARTIFACT_BYTES:
        return False
    name, end = DELEGATE.encode(), b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            if name in end + block:
                return True
            end = block[-len(name) :]
    return False


def interpret(path: Path) -> InterpretedNetwork:
    """A .pte whose every operator is inside one Core ML delegate, in the reference interpreter.

    It is opened in another process first: native code unpacks it.

    Raises:
        ArtifactError: missing or damaged, or with operators outside the delegate.
        MissingDependencyError: executorch or coremltools is not installed.
    """
    with quiet(), optional("executorch,coreml"):
        from executorch.backends.apple.coreml import executorchcoreml  # noqa: F401

        empty_model()  # imported here, a forked child has both already
    check_by_trial(coreml_attempt, path)
    return opened_coreml(path)


def coreml_attempt(path: Path) -> None:
    """Unpack a file; the interpreter that runs it is no native code."""
    opened_coreml(path)


def opened_coreml(path: Path) -> InterpretedNetwork:
    """A .pte of one Core ML delegate as a callable in this process.

    Raises:
        ArtifactError: as `interpret` does.
    """
    with quiet(), optional("executorch,coreml"):
        from executorch.backends.apple.coreml import executorchcoreml
        from executorch.exir._serialize._program import deserialize_pte_binary
        from executorch.exir.schema import DelegateCall

        try:
            program = deserialize_pte_binary(path.read_bytes()).program
            (plan,) = program.execution_plan
            (chain,) = plan.chains
            (instruction,) = chain.instructions
            (delegate,) = plan.delegates
            call = instruction.instr_args
            if delegate.id != DELEGATE or not isinstance(call, DelegateCall):
                raise ValueError(f"it calls {delegate.id}")
            content = program.backend_delegate_data[delegate.processed.index].data
            with tempfile.TemporaryDirectory() as folder:
                executorchcoreml.unflatten_directory_contents(content, folder)
                model = InterpretedModel(Path(folder) / PACKAGE)
            shapes = input_shapes(model)
            inputs = [feature.name for feature in model.inputs]
            kind = kind_named(path, inputs)
            # The delegate's values, by their numbers in the program: its inputs, then its outputs.
            outputs = dict(zip(call.args[len(inputs) :], model.outputs, strict=True))
            order = [outputs[number].name for number in plan.outputs]
            size = size_shaped(path, kind, shapes)
        except SqueezeSamError:
            raise
        except Exception as error:  # the readers of a damaged program raise anything
            raise ArtifactError(
                f"{path} is not one call of the Core ML delegate ({error}); "
                "export executorch-coreml again"
            ) from error

    def run(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        check_shapes(path, tensors, shapes)
        answer = model.predict(
            {name: tensor.numpy() for name, tensor in zip(inputs, tensors, strict=True)}
        )
        # Of float16 in the package; ExecuTorch gives them in the float32 of its program.
        return checked_answers(path, [answer[name] for name in order], kind, size)

    return InterpretedNetwork(kind, size, run)


DELEGATE_CALL = "executorch_call_delegate"
TUPLE_ACCESS = "getitem"
COREML_DEPLOYMENT_TARGET = "iOS17"
"""The first that takes quantized activations."""


def export_xnnpack(job: ExportJob, path: Path) -> LoweringReport:
    """Write one .pte for the CPU.

    Raises:
        MissingDependencyError: executorch is not installed, or not with the torch of its pair.
    """
    check_pair()
    with quiet(), optional("executorch"):
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

        model, dtype = written_out(job.model), torch.float32
        match job.scheme:
            case FloatScheme(dtype=torch.float16):
                model, dtype = model.half(), torch.float16
            case StaticInt8(keep_float=kept):
                model = pt2e.quantized(model, job.calibration, kept)
        return lower(model, job, dtype, XnnpackPartitioner(), "XNNPACK delegate", path)


def export_coreml(job: ExportJob, path: Path) -> LoweringReport:
    """Write one .pte for Apple's devices; inputs and outputs are float32 in every scheme.

    Raises:
        MissingDependencyError: executorch or coremltools is not installed, or executorch not with
            the torch of its pair.
    """
    check_pair()
    with quiet(), optional("executorch,coreml"):
        import coremltools as ct
        from executorch.backends.apple.coreml.compiler import CoreMLBackend
        from executorch.backends.apple.coreml.partition import CoreMLPartitioner

        model, precision = job.model, ct.precision.FLOAT16
        match job.scheme:
            case FloatScheme(dtype=torch.float32):
                precision = ct.precision.FLOAT32
            case StaticInt8(keep_float=kept):
                model = pt2e.quantized(model, job.calibration, kept)
        compile_specs = CoreMLBackend.generate_compile_specs(
            compute_unit=ct.ComputeUnit.ALL,
            minimum_deployment_target=ct.target[COREML_DEPLOYMENT_TARGET],
            compute_precision=precision,
        )
        partitioner = CoreMLPartitioner(compile_specs=compile_specs)
        requirement = f"Core ML delegate, {COREML_DEPLOYMENT_TARGET} or later"
        return lower(model, job, torch.float32, partitioner, requirement, path)


def lower(
    model: nn.Module,
    job: ExportJob,
    dtype: torch.dtype,
    partitioner: Any,
    requirement: str,
    path: Path,
) -> LoweringReport:
    """Export, partition and write a job's model in its dtype, and count what the delegate left."""
    from executorch.devtools.backend_debug import get_delegation_info
    from executorch.exir import to_edge_transform_and_lower

    example = tuple(torch.zeros(spec.shape, dtype=dtype) for spec in job.inputs)
    program = torch.export.export(model, example, strict=False)
    edge = to_edge_transform_and_lower(program, partitioner=[partitioner])
    graph_module = edge.exported_program().graph_module
    outside = [
        getattr(node.target, "__name__", str(node.target))
        for node in graph_module.graph.nodes
        if node.op == "call_function"
    ]
    with path.open("wb") as file:
        edge.to_executorch().write_to_file(file)
    io_dtype: IoDtype = "float16" if dtype == torch.float16 else "float32"
    return LoweringReport(
        io_dtypes=dict.fromkeys(float32_io(job.inputs + job.outputs), io_dtype),
        requirement=requirement,
        delegated=get_delegation_info(graph_module).num_delegated_nodes,
        outside=tuple(name for name in outside if name not in (DELEGATE_CALL, TUPLE_ACCESS)),
    )


def load(path: Path) -> LoadedNetwork:
    """A .pte file as a callable in float32, whatever the types of its inputs and outputs are.

    It is tried in another process first.

    Raises:
        ArtifactError: missing or damaged, of none of our networks, or for a delegate that this
            platform lacks.
        MissingDependencyError: executorch is not installed, or not with the torch of its pair.
    """
    check_pair()
    if not path.is_file():
        raise ArtifactError(f"no ExecuTorch program {path}; export it again")
    with quiet(), optional("executorch"):
        import executorch.runtime  # noqa: F401 - a forked child has it already
    check_by_trial(attempt, path)
    return opened(path)


def attempt(path: Path) -> None:
    """Load a file and run it once on zeros."""
    network = opened(path)
    network.run([torch.zeros(spec.shape) for spec in network.kind.inputs(network.size)])


def opened(path: Path) -> LoadedNetwork:
    """A .pte file as a callable in this process.

    Raises:
        ArtifactError: as `load` does.
    """
    with quiet():
        from executorch.runtime import Runtime, Verification

        try:
            program = Runtime.get().load_program(
                path, verification=Verification.InternalConsistency
            )
            meta = program.load_method("forward").metadata
            takes = [tensor_of(meta.input_tensor_meta, i) for i in range(meta.num_inputs())]
            gives = [tensor_of(meta.output_tensor_meta, i) for i in range(meta.num_outputs())]
        except Exception as error:  # whatever the runtime makes of a damaged program
            raise ArtifactError(
                f"ExecuTorch refuses {path} ({error}); it is damaged, or its delegate is not part "
                "of this platform's runtime"
            ) from error
    shapes = [shape for shape, _ in takes]
    kind, size = kind_shaped(path, shapes, [shape for shape, _ in gives])
    dtypes = {dtype for _, dtype in takes}
    dtype = dtypes.pop()
    if dtypes or dtype is None:
        raise ArtifactError(f"{path} takes other numbers than float32 or float16; export it again")

    running = threading.Lock()  # a method has one memory for its values

    def answer(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        check_shapes(path, inputs, shapes)
        try:
            with running:
                # Asked of the program each time, which caches it: the program owns the method's
                # memory.
                method = program.load_method("forward")
                given = method.execute([tensor.to(dtype) for tensor in inputs])
                # A copy: the next call writes where the outputs lie.
                given = [one.to(torch.float32, copy=True) for one in given]
        except Exception as error:
            raise ArtifactError(f"{path} does not run ({error}); export it again") from error
        return checked_answers(path, given, kind, size)

    return LoadedNetwork(kind, size, answer)


def tensor_of(meta: Callable[[int], Any], index: int) -> tuple[tuple[int, ...], torch.dtype | None]:
    """Shape and element type of a tensor of a program; None where it is not of 2 or 4 bytes."""
    tensor = meta(index)
    shape = tuple(tensor.sizes())
    elements = torch.Size(shape).numel()
    by_bytes = {2 * elements: torch.float16, 4 * elements: torch.float32}
    return shape, by_bytes.get(tensor.nbytes()) if elements else None


def kind_shaped(
    path: Path, inputs: Sequence[tuple[int, ...]], outputs: Sequence[tuple[int, ...]]
) -> tuple[NetworkKind, int]:
    """The kind of network that a program is and its size, by its shapes: it keeps no names.

    Raises:
        ArtifactError: it is none of ours.
    """
    shapes = list(inputs), list(outputs)
    for kind in graph_kinds():
        size = kind.size_of(inputs)
        if size is not None and kind.shapes(size) == shapes:
            return kind, size
    raise ArtifactError(
        f"{path} takes {shapes[0]} and gives {shapes[1]}, which is none of our networks; "
        "export it again"
    )


def load_any(path: Path) -> LoadedNetwork:
    """A .pte for either delegate; off macOS one for Core ML goes to the reference interpreter.

    Raises:
        ArtifactError, MissingDependencyError: as `load` does.
    """
    if COREML_TARGET.load is None and is_delegated(path):
        return interpret(path)
    return load(path)


XNNPACK_TARGET = ExportTarget(
    "executorch", ".pte", ("fp32", "fp16", "int8"), "ExecuTorch", export_xnnpack, load
)
COREML_TARGET = ExportTarget(
    "executorch-coreml",
    ".pte",
    ("fp32", "fp16", "int8"),
    "ExecuTorch",
    export_coreml,
    load if sys.platform == "darwin" else None,
    interpret,
)
