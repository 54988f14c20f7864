"""Functions of two elements; shapes are broadcast as in numpy."""

from collections.abc import Callable

import torch
from torch import Tensor

from squeezesam_export.mlprogram.registry import op


def register_binary(kind: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Register a function of x and y."""

    @op(kind)
    def binary(x: Tensor, y: Tensor) -> Tensor:
        return function(x, y)


BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "equal": torch.eq,
    "floor_div": torch.floor_divide,  # towards negative infinity
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "mod": torch.remainder,  # of y's sign, as Python's %
    "mul": torch.mul,
    "not_equal": torch.ne,
    "pow": torch.pow,
    # Of integers this gives floats, which the interpreter refuses: how they are rounded is not
    # documented.
    "real_div": torch.true_divide,
    "sub": torch.sub,
}
for _kind, _function in BINARY.items():
    register_binary(_kind, _function)
