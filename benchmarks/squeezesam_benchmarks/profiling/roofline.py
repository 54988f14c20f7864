"""Where each block stands under the roofline (Williams, Waterman and Patterson, 2009).

Both kernels are PyTorch's. Its products of squares come closer to what the vector units can do than
the ones of ONNX Runtime that were tried, in float32 and in int8.

A block cannot take less time than its multiply-accumulates at the peak of matrix products, nor than
its traffic at the bandwidth of a copy; the longer of the two is its roof. The traffic counts every
tensor as if it came from memory. Tensors that stay in a cache come faster, so "memory" is said of
some blocks that could still go below this roof.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from squeezesam_benchmarks.profiling.records import Ceiling, Operator, Profile, ProfiledBlock
from squeezesam_benchmarks.worker import samples_ms

SIDES = (512, 1024)
COPY_BYTES = 2**27
"""Of the source, and as much for the copy: more than a core's share of any cache."""

CALLS_AT_LEAST = 5
BUDGET_S = 0.4


def int8_square(side: int) -> Tensor:
    """Whole numbers over the whole range that int8 kernels take."""
    return torch.randint(-127, 128, (side, side), dtype=torch.int8)


PRODUCTS: dict[str, tuple[str, Callable[[int], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "fp32": ("torch.mm, float32", lambda side: torch.rand(side, side), torch.mm),
    "fp16": ("torch.mm, float16", lambda side: torch.rand(side, side).half(), torch.mm),
    "int8": ("torch._int_mm, int8 to int32", int8_square, torch._int_mm),
}
"""Name, square operand and product, by arithmetic."""


def gemm_ceilings(arithmetic: str) -> tuple[Ceiling, ...]:
    """Time products of squares on PyTorch's threads of this process."""
    kernel, square, product = PRODUCTS[arithmetic]
    return tuple(
        Ceiling(
            f"{kernel}, {side}x{side}x{side}",
            side**3,
            durations_us(functools.partial(product, square(side), square(side))),
        )
        for side in SIDES
    )


def copy_ceiling() -> Ceiling:
    """Time a copy on PyTorch's threads of this process; bytes read and written both count."""
    source = torch.ones(COPY_BYTES, dtype=torch.uint8)
    target = torch.zeros_like(source)
    durations = durations_us(functools.partial(target.copy_, source))
    return Ceiling(f"torch copy of {COPY_BYTES} bytes", 2 * COPY_BYTES, durations)


def durations_us(call: Callable[[], object]) -> tuple[float, ...]:
    """Time calls after an untimed one."""

    def once() -> None:
        call()

    once()
    return tuple(1e3 * sample for sample in samples_ms(once, CALLS_AT_LEAST, BUDGET_S))


FAR = 2.0
"""A block that takes more than so many times its roof is bound by neither ceiling."""


@dataclass(frozen=True)
class Roof:
    """The two ceilings of a profile, in work a microsecond."""

    macs_per_us: float
    bytes_per_us: float


@dataclass(frozen=True)
class RooflinePosition:
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


def standings(profile: Profile) -> list[RooflinePosition]:
    """Every block in the order of the network; then, if there is any, what none of them owns."""
    roof = roof_of(profile)
    blocks: list[ProfiledBlock | None] = [*profile.blocks, None]
    found = []
    for block in blocks:
        name = block.name if block else None
        own = [operator for operator in profile.operators if operator.block == name]
        if block or own:
            found.append(standing(block, own, roof))
    return found


def standing(
    block: ProfiledBlock | None, operators: Iterable[Operator], roof: Roof
) -> RooflinePosition:
    """A block and its operators."""
    operators = list(operators)
    macs, traffic_bytes = (block.macs, block.traffic_bytes) if block else (0, 0)
    return RooflinePosition(
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
