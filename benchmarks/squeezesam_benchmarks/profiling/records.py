"""A profile as it is written to a file: raw durations, no statistics; units in the names."""

from dataclasses import dataclass

from squeezesam_benchmarks.results.records import DeviceFacts, TimedFile

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Operator:
    """One operator of the artifact as the runtime ran it.

    Attributes:
        name: in the runtime's own words; unique only together with its place in the order.
        kind: the runtime's name for what it does.
        block: of the network, as `macs_by_block` names them; `fusion` for what the network
            does between its modules; None where the operator could not be placed.
        moves_data: whether it computes nothing, but moves, converts or reorders values.
        durations_us: of each inference, in order; as exact as the runtime's profiler writes them.
    """

    name: str
    kind: str
    block: str | None
    moves_data: bool
    durations_us: tuple[float, ...]


@dataclass(frozen=True)
class ProfiledBlock:
    """What a block of the network has to do in one inference, counted from its shapes.

    Attributes:
        macs: multiply-accumulates of its convolutions and matrix products.
        traffic_bytes: their inputs, weights and outputs, each once, at the width of the artifact's
            arithmetic.
    """

    name: str
    macs: int
    traffic_bytes: int


@dataclass(frozen=True)
class Ceiling:
    """What the same pinned cores reach in a kernel that does nothing else.

    Attributes:
        kernel: what ran.
        work_per_call: multiply-accumulates, or bytes read and written.
        durations_us: of each call.
    """

    kernel: str
    work_per_call: int
    durations_us: tuple[float, ...]

    @property
    def per_second(self) -> float:
        """Work a second in the fastest call: a ceiling is the best that was seen."""
        return self.work_per_call / (min(self.durations_us) * 1e-6)


@dataclass(frozen=True)
class Profile:
    """One artifact, profiled in a process of its own.

    Attributes:
        arithmetic: of its convolutions as they ran: `fp32`, `fp16` or `int8`.
        pinned_cores: that the process was confined to; None where the OS cannot.
        warm_up_inferences: before those that count.
        wall_us: of each inference without the profiler, taken in turn with the profiled ones.
        profiled_wall_us: of each inference with it.
        operators: in the order in which they ran.
        blocks: of the network, in its order; empty where the network is not known.
        blocks_unknown: why operators could not be placed; None where they could.
        gemm: matrix products in that arithmetic, squares of several sizes.
        copy: of memory, larger than caches.
    """

    artifact: TimedFile
    runtime: str
    runtime_version: str
    backend: str
    arithmetic: str
    threads: int
    pinned_cores: tuple[int, ...] | None
    warm_up_inferences: int
    wall_us: tuple[float, ...]
    profiled_wall_us: tuple[float, ...]
    operators: tuple[Operator, ...]
    blocks: tuple[ProfiledBlock, ...]
    blocks_unknown: str | None
    gemm: tuple[Ceiling, ...]
    copy: Ceiling


@dataclass(frozen=True)
class ProfileReport:
    """The document: every profile of one command.

    Attributes:
        started_at: UTC, ISO 8601.
        command: what was typed.
    """

    schema_version: int
    harness_version: str
    started_at: str
    command: str
    device: DeviceFacts
    profiles: tuple[Profile, ...]
