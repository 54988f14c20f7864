"""Functions of one element."""

from collections.abc import Callable

import torch
from torch import Tensor

from squeezesam_export.mlprogram.elements import ELEMENTS, widened
from squeezesam_export.mlprogram.registry import UnsupportedError, op


def register_unary(kind: str, function: Callable[[Tensor], Tensor]) -> None:
    """Register a function of one tensor and no other parameter."""

    @op(kind)
    def unary(x: Tensor) -> Tensor:
        return function(x)


UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "acos": torch.acos,
    "asin": torch.asin,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "ceil": torch.ceil,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "erf": torch.erf,
    "exp": torch.exp,
    "floor": torch.floor,
    "logical_not": torch.logical_not,
    "round": torch.round,  # ties to even
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tan": torch.tan,
    "tanh": torch.tanh,
}
for _kind, _function in UNARY.items():
    register_unary(_kind, _function)


@op("exp2")
def exp2(x: Tensor) -> Tensor:
    """2^x; an integer gives an integer."""
    return torch.exp2(x).to(x.dtype)


@op("clip", until=6)
def clip(x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(max(x, alpha), beta)."""
    return x.clamp(alpha, beta)


@op("clip", since=7)
def clip_ios17(x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(max(x, alpha), beta); an empty range is refused."""
    if alpha >= beta:
        raise UnsupportedError(f"alpha {alpha} is not below beta {beta}")
    return clip(x, alpha, beta)


@op("threshold")
def threshold(x: Tensor, alpha: Tensor) -> Tensor:
    """max(x, alpha)."""
    return torch.maximum(x, alpha)


@op("inverse")
def inverse(x: Tensor, epsilon: float = 1e-4) -> Tensor:
    """1 / (x + epsilon)."""
    return 1 / (x + epsilon)


@op("log")
def log(x: Tensor, epsilon: float = 1e-45) -> Tensor:
    """Natural logarithm of x + epsilon."""
    return torch.log(x + epsilon)


@op("rsqrt")
def rsqrt(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """1 / sqrt(x + epsilon)."""
    return 1 / torch.sqrt(x + epsilon)


CAST_IOS15 = {"bool": "bool", "fp16": "float16", "fp32": "float32", "int32": "int32"}
CAST_IOS17 = CAST_IOS15 | {name: name for name in ("int8", "uint8", "int16", "uint16")}
"""Names of element types in `cast` -> names in ML Programs."""


@op("cast", until=6)
def cast(x: Tensor, dtype: str) -> Tensor:
    """Another element type; towards zero from float to int."""
    return cast_to(x, dtype, CAST_IOS15)


@op("cast", since=7)
def cast_ios17(x: Tensor, dtype: str) -> Tensor:
    """Another element type; towards zero from float to int."""
    return cast_to(x, dtype, CAST_IOS17)


def cast_to(x: Tensor, dtype: str, names: dict[str, str]) -> Tensor:
    """Values as another element type holds them.

    Raises:
        UnsupportedError: the type has no name, or no place for a value: what becomes of that is
            not documented.
    """
    if dtype not in names:
        raise UnsupportedError(f"dtype {dtype!r} is unknown")
    element = ELEMENTS[names[dtype]]
    if element.kind == "int" and element.storage and x.numel() and x.dtype != torch.bool:
        limits = torch.iinfo(element.storage)
        if not (limits.min - 1 < x.min().double() and x.max().double() < limits.max + 1):
            raise UnsupportedError(f"a value does not fit {dtype}")
    return widened(x.to(element.storage))
