"""Functions of two elements; shapes are broadcast as in numpy."""

from torch import Tensor

from squeezesam_export.mlprogram.registry import op


@op("add")
def add(x: Tensor, y: Tensor) -> Tensor:
    """X + y."""
    return x + y


@op("mul")
def mul(x: Tensor, y: Tensor) -> Tensor:
    """X * y."""
    return x * y


@op("sub")
def sub(x: Tensor, y: Tensor) -> Tensor:
    """X - y."""
    return x - y
