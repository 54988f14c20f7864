"""Functions of one element and of two, activations among them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam_export.mlprogram.elements import ELEMENTS, widened
from squeezesam_export.mlprogram.registry import CHANNELS, UnsupportedError, along, op


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
for _kind, _combine in BINARY.items():
    register_binary(_kind, _combine)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softplus": F.softplus,  # log(1 + exp(x))
    "softsign": F.softsign,  # x / (1 + |x|)
}
for _kind, _function in ACTIVATIONS.items():
    register_unary(_kind, _function)


@op("clamped_relu")
def clamped_relu(x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(x, beta) where x >= 0, else min(alpha * x, beta)."""
    return leaky_relu(x, alpha).clamp(max=beta)


@op("elu")
def elu(x: Tensor, alpha: float) -> Tensor:
    """X where x > 0, else alpha * (exp(x) - 1)."""
    return torch.where(x > 0, x, alpha * torch.expm1(x))


@op("gelu")
def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    """X times the normal distribution up to x, or one of two approximations of that."""
    match mode:
        case "EXACT":
            return F.gelu(x)
        case "TANH_APPROXIMATION":
            return F.gelu(x, approximate="tanh")
        case "SIGMOID_APPROXIMATION":
            return x * torch.sigmoid(1.702 * x)
    raise UnsupportedError(f"mode {mode!r} is unknown")


@op("leaky_relu")
def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    """X where x >= 0, else alpha * x."""
    return torch.where(x >= 0, x, alpha * x)


@op("linear_activation")
def linear_activation(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Alpha * x + beta."""
    return alpha * x + beta


@op("prelu")
def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    """X where x > 0, else alpha * x, with one alpha for each channel: [B, C, *D], [C]."""
    return torch.where(x > 0, x, along(alpha, x, CHANNELS) * x)


@op("scaled_tanh")
def scaled_tanh(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Alpha * tanh(beta * x)."""
    return alpha * torch.tanh(beta * x)


@op("sigmoid_hard")
def sigmoid_hard(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Alpha * x + beta, clipped to [0, 1]."""
    return (alpha * x + beta).clamp(0, 1)


@op("softmax")
def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) over its sum along an axis."""
    return torch.softmax(x, axis)


@op("softplus_parametric")
def softplus_parametric(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Alpha * log(1 + exp(beta * x)), with one alpha and beta for each channel: [B, C, *D], [C]."""
    return along(alpha, x, CHANNELS) * F.softplus(along(beta, x, CHANNELS) * x)


@op("thresholded_relu")
def thresholded_relu(x: Tensor, alpha: float) -> Tensor:
    """X where x >= alpha, else 0."""
    return torch.where(x >= alpha, x, 0)
