"""What the pinned cores reach at best: matrix products for the compute, a copy for the memory.

Both kernels are PyTorch's. Its products of squares come closer to what the vector units can do than
the ones of ONNX Runtime that were tried, in float32 and in int8.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from squeezesam_benchmarks.profiling.records import Ceiling
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
