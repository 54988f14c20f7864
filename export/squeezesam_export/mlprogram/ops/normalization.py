"""Normalization by mean and variance, or by length."""

import torch
from torch import Tensor

from squeezesam_export.mlprogram.ops.windows import padded
from squeezesam_export.mlprogram.registry import CHANNELS, Ints, along, op


@op("batch_norm")
def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Gamma * (x - mean) / sqrt(variance + epsilon) + beta, each of one value per channel."""
    centered = x - along(mean, x, CHANNELS)
    normal = centered / torch.sqrt(along(variance, x, CHANNELS) + epsilon)
    return per_channel(normal, gamma, beta)


@op("instance_norm")
def instance_norm(
    x: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Each channel of each sample by its own mean and variance, then gamma and beta."""
    return per_channel(standardized(x, list(range(2, x.ndim)), epsilon), gamma, beta)


@op("layer_norm")
def layer_norm(
    x: Tensor,
    axes: Ints | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """By mean and variance along some axes, or all; gamma and beta have the sides of these axes."""
    chosen = sorted(axis % x.ndim for axis in axes) if axes is not None else list(range(x.ndim))
    normal = standardized(x, chosen, epsilon)
    shape = [side if axis in chosen else 1 for axis, side in enumerate(x.shape)]
    if gamma is not None:
        normal = normal * gamma.reshape(shape)
    return normal if beta is None else normal + beta.reshape(shape)


@op("l2_norm")
def l2_norm(x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """X / sqrt(sum of squares + epsilon), along the last three axes."""
    return x / torch.sqrt(x.square().sum((-3, -2, -1), keepdim=True) + epsilon)


@op("local_response_norm")
def local_response_norm(
    x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """X / (k + alpha / size * sum of squares of `size` neighboring channels) ** beta.

    The documentation does not say where an even number of neighbors lies: as in PyTorch, and as
    coremltools' own tests expect of Core ML, the odd one is before.
    """
    around = [(size // 2, (size - 1) // 2)] + [(0, 0)] * (x.ndim - 2)
    sums = padded(x.square(), around).unfold(CHANNELS, size, 1).sum(-1)
    return x / (k + alpha / size * sums) ** beta


def standardized(x: Tensor, axes: list[int], epsilon: float) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) along axes."""
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + epsilon)


def per_channel(x: Tensor, gamma: Tensor | None, beta: Tensor | None) -> Tensor:
    """Gamma * x + beta, either of which may be absent."""
    if gamma is not None:
        x = x * along(gamma, x, CHANNELS)
    return x if beta is None else x + along(beta, x, CHANNELS)
