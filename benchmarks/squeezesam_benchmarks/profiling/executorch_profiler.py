"""ExecuTorch's event tracer (ETDump), which tells of the operators inside of XNNPACK as well.

A `.pte` does not say where its operators come from. But a network that is one delegate runs in the
order in which it was exported: the n-th 3x3 convolution of the trace is that of the network, the
n-th addition too. Counts must agree for each kind, or the kind is not placed. What XNNPACK or the
quantizer put in between (transposes, conversions, clamps) belongs to the operator before it, and at
the start to the one after.

XNNPACK's times come in whole microseconds, rounded down.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from squeezesam.errors import ArtifactError
from squeezesam_benchmarks.executorch_session import ExecutorchSession, open_session
from squeezesam_benchmarks.profiling.network import CONVOLUTION, LINEAR, ProfiledNetwork
from squeezesam_benchmarks.profiling.profilers import Event

OUTSIDE_DELEGATE = "portable "
"""Before the kind of an operator that ran outside of the delegate."""

PRODUCTS = {"Convolution": CONVOLUTION, "Fully Connected": LINEAR}
"""XNNPACK runs a 1x1 convolution as a fully connected layer."""

COUNTERPARTS = {
    **PRODUCTS,
    "Batch Matrix Multiply": "bmm",
    "Softmax": "softmax",
    "Add": "add",
    "Copy": "cat",
    "Resize Bilinear": "upsample_bilinear2d",
    "Mean": "mean",
    "Sigmoid": "sigmoid",
    "Slice": "slice",
}
"""XNNPACK's kinds and the network's."""


def find_blocks(events: Sequence[Event], network: ProfiledNetwork) -> list[str | None] | None:
    """Implements `profilers.Profiler.find_blocks`.

    None where operators ran outside of the delegate, which cuts the order to pieces, or where the
    convolutions are not as many as the network's.
    """
    if any(event.kind.startswith(OUTSIDE_DELEGATE) for event in events):
        return None
    placed: dict[str, Iterator[str]] = {}
    for kind, counterpart in COUNTERPARTS.items():
        blocks = [one.block for one in network.operators if one.kind == counterpart]
        if len(blocks) == sum(event.kind == kind for event in events):
            placed[kind] = iter(blocks)
    if not PRODUCTS.keys() <= placed.keys():
        return None
    found = [next(placed[event.kind]) if event.kind in placed else None for event in events]
    before = next(filter(None, found))
    filled: list[str | None] = []
    for block in found:
        before = block or before
        filled.append(before)
    return filled


__all__ = ["DATA_MOVEMENT", "arithmetic", "find_blocks", "traced"]

EXECUTION = "Execute"
PORTABLE_PREFIX = "native_call_"
DATA_MOVEMENT = frozenset(
    {
        "Constant Pad",
        "Convert",
        "Copy",
        "Slice",
        "Static Reshape",
        "Transpose",
        *(
            OUTSIDE_DELEGATE + name
            for name in (
                "_clone_dim_order",
                "_to_dim_order_copy",
                "cat",
                "clone",
                "dequantize_per_tensor",
                "expand_copy",
                "index",
                "permute_copy",
                "quantize_per_tensor",
                "select_copy",
                "slice_copy",
                "split_with_sizes_copy",
                "squeeze_copy",
                "unsqueeze_copy",
                "view_copy",
            )
        ),
    }
)


class EtdumpSession(ExecutorchSession):
    """A session that traces."""

    def load(self, path: Path) -> None:
        """Make the artifact ready to run, with the event tracer on."""
        self.program = self.portable_lib._load_program(str(path), enable_etdump=True)
        self.method = self.program.load_method("forward")


class EtdumpTracer:
    """Implements `profilers.Tracer`."""

    def __init__(self, session: EtdumpSession) -> None:
        self.session = session

    def events(self, warm_up: int) -> tuple[Event, ...]:
        """Write the trace and read it."""
        from executorch.devtools import Inspector
        from executorch.devtools.inspector import TimeScale

        with tempfile.TemporaryDirectory() as name:
            dump, debug = (str(Path(name) / file) for file in ("trace.etdp", "debug.bin"))
            self.session.program.write_etdump_result_to_file(dump, debug)
            inspector = Inspector(etdump_path=dump, target_time_scale=TimeScale.US)
        events = tuple(
            Event(event.name, kind_of(event.name), tuple(map(float, event.perf_data.raw[warm_up:])))
            for block in inspector.event_blocks
            if block.name == EXECUTION
            for event in block.events
            if event.is_delegated_op or event.name.startswith(PORTABLE_PREFIX)
        )
        if not events:
            raise ArtifactError(
                f"ExecuTorch {self.session.version} wrote no operators down; "
                "use the version in constraints.txt"
            )
        return events


@contextmanager
def traced(path: Path, threads: int) -> Iterator[EtdumpTracer]:
    """The artifact, loaded with the event tracer on.

    Raises:
        MissingDependencyError: executorch is not installed.
    """
    session = EtdumpSession(open_session(threads).portable_lib)
    session.load(path)
    yield EtdumpTracer(session)


def kind_of(name: str) -> str:
    """`Convolution` for `Convolution (NHWC, F32) IGEMM #1`; portable kernels are marked."""
    if name.startswith(PORTABLE_PREFIX):
        return OUTSIDE_DELEGATE + name.removeprefix(PORTABLE_PREFIX).partition(".")[0]
    return name.partition(" (")[0]


def arithmetic(events: Sequence[Event]) -> str:
    """From the element types in XNNPACK's names of its convolutions."""
    names = [event.name for event in events if event.kind in PRODUCTS]
    for mark, meaning in (("Q", "int8"), ("F16", "fp16")):
        if any(mark in name for name in names):
            return meaning
    return "fp32"
