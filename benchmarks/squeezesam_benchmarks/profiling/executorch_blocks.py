"""Blocks of the network for the operators of the XNNPACK delegate.

A `.pte` does not say where its operators come from. But a network that is one delegate runs in the
order in which it was exported: the n-th 3x3 convolution of the trace is that of the network, the
n-th addition too. Counts must agree for each kind, or the kind is not placed. What XNNPACK or the
quantizer put in between (transposes, conversions, clamps) belongs to the operator before it, and at
the start to the one after.
"""

from collections.abc import Iterator, Sequence

from squeezesam_benchmarks.profiling.network import CONVOLUTION, LINEAR, Network
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


def find_blocks(events: Sequence[Event], network: Network) -> list[str | None] | None:
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
