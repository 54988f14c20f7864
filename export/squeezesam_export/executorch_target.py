"""ExecuTorch programs, lowered to the XNNPACK or the Core ML delegate.

An fp16 program has fp16 inputs and outputs: casts inside would be operators outside the delegate.
The loader casts instead. XNNPACK keeps the weights of fp16 convolutions in float32, so such a file
is hardly smaller.
"""

import copy
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from squeezesam.errors import ArtifactError
from squeezesam.runtimes import LoadedNetwork
from squeezesam.spec import NetworkKind
from squeezesam.versions import check_pair
from squeezesam_export import coreml_delegate
from squeezesam_export.quantization import pt2e
from squeezesam_export.quantization.schemes import Floating, StaticInt8
from squeezesam_export.quiet import quiet
from squeezesam_export.target import (
    IoDtype,
    Job,
    Lowered,
    Target,
    check_shapes,
    checked_answers,
    float32_io,
    graph_kinds,
    optional,
)
from squeezesam_export.trial import check_by_trial

DELEGATE_CALL = "executorch_call_delegate"
TUPLE_ACCESS = "getitem"
COREML_DEPLOYMENT_TARGET = "iOS17"
"""The first that takes quantized activations."""


def export_xnnpack(job: Job, path: Path) -> Lowered:
    """Write one .pte for the CPU.

    Raises:
        MissingDependencyError: executorch is not installed, or not with the torch of its pair.
    """
    check_pair()
    with quiet(), optional("executorch"):
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

        model, dtype = job.model, torch.float32
        match job.scheme:
            case Floating(dtype=torch.float16):
                model, dtype = copy.deepcopy(model).half(), torch.float16
            case StaticInt8(keep_float=kept):
                model = pt2e.quantized(model, job.calibration, kept)
        return lower(model, job, dtype, XnnpackPartitioner(), "XNNPACK delegate", path)


def export_coreml(job: Job, path: Path) -> Lowered:
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
            case Floating(dtype=torch.float32):
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
    job: Job,
    dtype: torch.dtype,
    partitioner: Any,
    requirement: str,
    path: Path,
) -> Lowered:
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
    return Lowered(
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
    if COREML_TARGET.load is None and coreml_delegate.is_delegated(path):
        return coreml_delegate.interpret(path)
    return load(path)


XNNPACK_TARGET = Target(
    "executorch", ".pte", ("fp32", "fp16", "int8"), "ExecuTorch", export_xnnpack, load
)
COREML_TARGET = Target(
    "executorch-coreml",
    ".pte",
    ("fp32", "fp16", "int8"),
    "ExecuTorch",
    export_coreml,
    load if sys.platform == "darwin" else None,
    coreml_delegate.interpret,
)
