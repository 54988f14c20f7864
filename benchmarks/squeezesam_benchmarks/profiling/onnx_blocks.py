"""Blocks of the network for the operators of ONNX Runtime's optimized graph.

An operator belongs to the block whose weights it takes; else to that of the network's operator
whose name it bears. An operator that the optimizer fused bears the name of the last part: it goes
whole to the block of its convolution. What the runtime or the quantizer put in between (reorders,
transposes, quantization) belongs to the block that gave the tensor, and at the inputs to the one
that takes it. What multiplies is never placed by its neighbours.
"""

import re
from collections.abc import Mapping, Sequence

from squeezesam_benchmarks.profiling.network import (
    CONVOLUTION,
    LINEAR,
    Network,
    NetworkOperator,
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


def find_blocks(events: Sequence[Event], network: Network) -> list[str | None] | None:
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


def block_by_weights(event: Event, network: Network) -> str | None:
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
