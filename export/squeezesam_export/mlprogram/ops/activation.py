"""Activations."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam_export.mlprogram.ops.axes import CHANNELS, along
from squeezesam_export.mlprogram.ops.elementwise_unary import register_unary
from squeezesam_export.mlprogram.registry import UnsupportedError, op

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
