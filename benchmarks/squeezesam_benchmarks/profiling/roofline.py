"""Where each block stands under the roofline (Williams, Waterman and Patterson, 2009).

A block cannot take less time than its multiply-accumulates at the peak of matrix products, nor than
its traffic at the bandwidth of a copy; the longer of the two is its roof. The traffic counts every
tensor as if it came from memory. Tensors that stay in a cache come faster, so "memory" is said of
some blocks that could still go below this roof.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from squeezesam_benchmarks.profiling.records import Block, Operator, Profile

FAR = 2.0
"""A block that takes more than so many times its roof is bound by neither ceiling."""


@dataclass(frozen=True)
class Roof:
    """The two ceilings of a profile, in work a microsecond."""

    macs_per_us: float
    bytes_per_us: float


@dataclass(frozen=True)
class Standing:
    """One block, or what no block owns, beside its roof.

    Attributes:
        name: None for operators that could not be placed.
        time_us: of all its operators, each with the median of its inferences.
        moving_us: of those that only move data.
        macs: of one inference.
        traffic_bytes: likewise.
        compute_us: the least time for the multiply-accumulates.
        memory_us: the least time for the traffic.
    """

    name: str | None
    time_us: float
    moving_us: float
    macs: int
    traffic_bytes: int
    compute_us: float
    memory_us: float

    @property
    def roof_us(self) -> float:
        """The least time under both ceilings."""
        return max(self.compute_us, self.memory_us)

    @property
    def excess_us(self) -> float:
        """What the ceilings do not explain: the most that an optimization could gain."""
        return max(self.time_us - self.roof_us, 0.0)

    @property
    def bound(self) -> str | None:
        """Which ceiling holds it back; None where there is nothing to multiply."""
        if not self.macs:
            return None
        if self.time_us > FAR * self.roof_us:
            return "far from both"
        return "compute" if self.compute_us >= self.memory_us else "memory"


def roof_of(profile: Profile) -> Roof:
    """The highest of its matrix products, and its copy."""
    gemm = max(ceiling.per_second for ceiling in profile.gemm)
    return Roof(gemm * 1e-6, profile.copy.per_second * 1e-6)


def standings(profile: Profile) -> list[Standing]:
    """Every block in the order of the network; then, if there is any, what none of them owns."""
    roof = roof_of(profile)
    blocks: list[Block | None] = [*profile.blocks, None]
    found = []
    for block in blocks:
        name = block.name if block else None
        own = [operator for operator in profile.operators if operator.block == name]
        if block or own:
            found.append(standing(block, own, roof))
    return found


def standing(block: Block | None, operators: Iterable[Operator], roof: Roof) -> Standing:
    """A block and its operators."""
    operators = list(operators)
    macs, traffic_bytes = (block.macs, block.traffic_bytes) if block else (0, 0)
    return Standing(
        name=block.name if block else None,
        time_us=sum(map(median_us, operators)),
        moving_us=sum(median_us(operator) for operator in operators if operator.moves_data),
        macs=macs,
        traffic_bytes=traffic_bytes,
        compute_us=macs / roof.macs_per_us,
        memory_us=traffic_bytes / roof.bytes_per_us,
    )


def median_us(operator: Operator) -> float:
    """Of the inferences: one that was interrupted does not count for more than the others."""
    return float(np.median(operator.durations_us))
