"""ONNX Runtime's own profiler, and the graph that its optimizer made of the file.

An operator belongs to the block whose weights it takes; else to that of the network's operator
whose name it bears. An operator that the optimizer fused bears the name of the last part: it goes
whole to the block of its convolution. What the runtime or the quantizer put in between (reorders,
transposes, quantization) belongs to the block that gave the tensor, and at the inputs to the one
that takes it. What multiplies is never placed by its neighbours.

The optimized graph is saved beside the profile: it says which tensors each operator takes and
gives, in names that the optimizer made from those of the file.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from squeezesam.errors import ArtifactError
from squeezesam_benchmarks.ort_session import OrtSession, open_session
from squeezesam_benchmarks.profiling.network import (
    CONVOLUTION,
    LINEAR,
    NetworkOperator,
    ProfiledNetwork,
)
from squeezesam_benchmarks.profiling.profilers import Event

DECORATION = re.compile(r"^(node|InsertedPrecisionFreeCast)_|(_nchwc|_token_\d+)+$|/.*$")
"""What torch's exporter and ONNX Runtime's optimizer add to a name of the network's graph."""

CONVOLUTIONS = frozenset({"Conv", "FusedConv"})
MULTIPLYING = CONVOLUTIONS | {
    "ConvInteger",
    "ConvTranspose",
    "FusedGemm",
    "FusedMatMul",
    "Gemm",
    "MatMul",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "QGemm",
    "QLinearConv",
    "QLinearMatMul",
}


def find_blocks(events: Sequence[Event], network: ProfiledNetwork) -> list[str | None] | None:
    """Implements `profilers.Profiler.find_blocks`; None where no operator has a known name."""
    operators = {operator.name: operator for operator in network.operators}
    found = [
        block_by_weights(event, network) or block_by_name(event, operators) for event in events
    ]
    if not any(found):
        return None
    placed_by_neighbours = [event.kind not in MULTIPLYING for event in events]
    givers = {name: index for index, event in enumerate(events) for name in event.outputs}
    for index, event in enumerate(events):
        sources = [found[givers[name]] for name in event.inputs if name in givers]
        if placed_by_neighbours[index]:
            found[index] = found[index] or next(filter(None, sources), None)
    takers: dict[str, str | None] = {}
    for index, event in reversed(list(enumerate(events))):
        users = (takers.get(name) for name in event.outputs)
        if placed_by_neighbours[index]:
            found[index] = found[index] or next(filter(None, users), None)
        takers |= dict.fromkeys(event.inputs, found[index])
    return found


def block_by_weights(event: Event, network: ProfiledNetwork) -> str | None:
    """The block of the first weights that an operator takes; quantized ones have a suffix."""
    for name in event.inputs:
        for parameter, block in network.parameters.items():
            if DECORATION.sub("", name).startswith(parameter):
                return block
    return None


def block_by_name(event: Event, operators: Mapping[str, NetworkOperator]) -> str | None:
    """The block of the network's operator of that name, or of the convolution it was fused to."""
    operator = operators.get(DECORATION.sub("", event.name))
    if event.kind in CONVOLUTIONS:
        while operator is not None and operator.kind not in (CONVOLUTION, LINEAR):
            operator = operators.get(operator.source or "")
    return operator.block if operator else None


__all__ = ["DATA_MOVEMENT", "arithmetic", "find_blocks", "traced"]

ERRORS_ONLY = 3
OPERATOR_SUFFIX = "_kernel_time"
INTEGER_KINDS = frozenset({"QLinearConv", "ConvInteger", "QGemm", "QLinearMatMul"})
DATA_MOVEMENT = frozenset(
    {
        "Cast",
        "Concat",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "Expand",
        "Flatten",
        "Gather",
        "GatherND",
        "Identity",
        "Pad",
        "QLinearConcat",
        "QuantizeLinear",
        "ReorderInput",
        "ReorderOutput",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    }
)


class OrtTracer:
    """Implements `profilers.Tracer`."""

    def __init__(self, session: OrtSession, optimized: Path) -> None:
        self.session = session
        self.optimized = optimized

    def events(self, warm_up: int) -> tuple[Event, ...]:
        """End the profile and read it."""
        import onnx

        written = Path(self.session.session.end_profiling())
        durations: dict[str, list[float]] = {}
        kinds: dict[str, str] = {}
        for record in json.loads(written.read_text()):
            name = record["name"].removesuffix(OPERATOR_SUFFIX)
            if record["cat"] == "Node" and name != record["name"]:
                durations.setdefault(name, []).append(float(record["dur"]))
                kinds[name] = record["args"]["op_name"]
        nodes = onnx.load(self.optimized, load_external_data=False).graph.node
        # The graph is saved in the order of execution; the profile names what has no name there.
        saved = [(node.op_type, node.name) for node in nodes]
        ran = [(kinds[name], name) for name in durations]
        same = len(ran) == len(saved) and all(
            kind == saved_kind and saved_name in (name, "")
            for (kind, name), (saved_kind, saved_name) in zip(ran, saved, strict=True)
        )
        runs = {len(samples) for samples in durations.values()}  # two of one name would show
        if not same or len(runs) != 1:
            raise ArtifactError(
                f"ONNX Runtime {self.session.version} wrote no profile that fits its graph; "
                "use the version in constraints.txt"
            )
        return tuple(
            Event(
                name, kinds[name], tuple(samples[warm_up:]), tuple(node.input), tuple(node.output)
            )
            for (name, samples), node in zip(durations.items(), nodes, strict=True)
        )


@contextmanager
def traced(path: Path, threads: int) -> Iterator[OrtTracer]:
    """The artifact, loaded with the profiler on.

    Raises:
        MissingDependencyError: onnxruntime is not installed.
    """
    session = open_session(threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        optimized = folder / "optimized.onnx"
        session.options.log_severity_level = ERRORS_ONLY  # else it warns of its own saving
        session.options.optimized_model_filepath = str(optimized)
        session.options.enable_profiling = True
        session.options.profile_file_prefix = str(folder / "profile")
        session.load(path)
        yield OrtTracer(session, optimized)


def arithmetic(events: Sequence[Event]) -> str:
    """On the CPU half-precision files run in float32, between casts."""
    return "int8" if any(event.kind in INTEGER_KINDS for event in events) else "fp32"
