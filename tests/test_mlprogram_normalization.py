"""Pooling and normalization against PyTorch, and against windows and formulas written out."""

import math

import numpy as np
import pytest
import torch
from mil_programs import Array, inferred, interpreted, mb
from numpy.random import Generator, default_rng
from torch import nn
from torch.nn import functional as F
from torch_programs import assert_converts

from squeezesam.errors import ArtifactError

pytestmark = pytest.mark.slow

POOLS = {"max_pool": mb.max_pool, "avg_pool": mb.avg_pool, "l2_pool": mb.l2_pool}


def normal(rng: Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, dtype=np.float32)


def windows(x: Array, kernel, strides, margins, counts):
    """For each place: the elements of its window, and how many lie in the padding."""
    for place in np.ndindex(*counts):
        cut, full = [], 1
        sides = x.shape[2:]
        for p, width, stride, (before, after), side in zip(
            place, kernel, strides, margins, sides, strict=True
        ):
            start = p * stride - before
            cut.append(slice(max(0, start), max(0, start + width)))
            full *= min(start + width, side + after) - start
        inside = x[(..., *cut)].reshape(*x.shape[:2], -1)
        yield place, inside, full - inside.shape[-1]


def pooled(name: str, x: Array, kernel, strides, margins, counts, exclude=False) -> Array:
    y = np.zeros((*x.shape[:2], *counts), np.float32)
    for place, inside, padding in windows(x, kernel, strides, margins, counts):
        if name == "max_pool":
            value = inside.max(-1)
        elif name == "l2_pool":
            value = np.sqrt((inside.astype(np.float64) ** 2).sum(-1))
        else:
            value = inside.sum(-1) / (inside.shape[-1] + (0 if exclude else padding))
        y[(..., *place)] = value
    return y


def random_margins(rng: Generator, pad_type: str, sides, kernel, strides):
    if pad_type == "valid":
        return [(0, 0)] * len(sides)
    if pad_type == "custom":
        return [tuple(rng.integers(0, width // 2 + 1, 2).tolist()) for width in kernel]
    # The documentation says of `same` that the padding adds up to the kernel; coremltools infers
    # sides as for a convolution.
    margins = []
    for side, width, stride in zip(sides, kernel, strides, strict=True):
        total = max((math.ceil(side / stride) - 1) * stride + width - side, 0)
        margins.append((total // 2, total - total // 2))
    return [pair[::-1] for pair in margins] if pad_type == "same_lower" else margins


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [(name, n) for name in POOLS for n in (1, 2, 3) if (name, n) != ("l2_pool", 3)],
)
def test_pools(name: str, dimensions: int) -> None:
    rng = default_rng(dimensions)
    x = normal(rng, 2, 3, *rng.integers(6, 9, dimensions))
    cases, wanted = [], []
    for pad_type in ("valid", "custom", "same", "same_lower"):
        for exclude in (False, True):
            kernel = rng.integers(1, 5, dimensions).tolist()
            strides = rng.integers(1, 4, dimensions).tolist()
            margins = random_margins(rng, pad_type, x.shape[2:], kernel, strides)
            case = {"kernel_sizes": kernel, "strides": strides, "pad_type": pad_type}
            if pad_type == "custom":
                case["pad"] = [side for pair in margins for side in pair]
            if name == "avg_pool":
                case["exclude_padding_from_average"] = exclude
            counts = [
                (side + sum(pair) - width) // stride + 1
                for side, pair, width, stride in zip(
                    x.shape[2:], margins, kernel, strides, strict=True
                )
            ]
            cases.append(case)
            wanted.append(pooled(name, x, kernel, strides, margins, counts, exclude))
    results = interpreted(lambda x: tuple(POOLS[name](x=x, **case) for case in cases), x)
    for y, one in zip(results, wanted, strict=True):
        np.testing.assert_allclose(y, one, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_pools_that_round_up(seed: int) -> None:
    rng = default_rng(seed)
    x = normal(rng, 1, 2, *rng.integers(7, 12, 2))
    kernel = rng.integers(2, 5, 2).tolist()
    strides = [int(rng.integers(1, width + 1)) for width in kernel]
    pad = [int(rng.integers(0, width // 2 + 1)) for width in kernel]
    common = {
        "kernel_sizes": kernel,
        "strides": strides,
        "pad_type": "custom",
        "pad": [pad[0], pad[0], pad[1], pad[1]],
        "ceil_mode": True,
    }

    def build(x):
        return (
            mb.max_pool(x=x, **common),
            mb.avg_pool(x=x, **common),
            mb.avg_pool(x=x, **common, exclude_padding_from_average=True),
            mb.l2_pool(x=x, **common),
        )

    plain = torch.from_numpy(x)
    rows, columns = (pad[0], kernel[0]), (pad[1], kernel[1])
    # Enough zeros after the picture for any window that rounding up adds.
    wide = F.pad(plain, (columns[0], sum(columns), rows[0], sum(rows)))
    wanted = [
        F.max_pool2d(plain, kernel, strides, pad, ceil_mode=True),
        F.avg_pool2d(plain, kernel, strides, pad, True),
        F.avg_pool2d(plain, kernel, strides, pad, True, count_include_pad=False),
        F.lp_pool2d(wide, 2, kernel, strides),
    ]
    for y, one in zip(interpreted(build, x), wanted, strict=True):
        one = one[..., : y.shape[-2], : y.shape[-1]]
        np.testing.assert_allclose(y, one, atol=1e-6)
        assert y.shape == tuple(wanted[0].shape)


def test_pools_of_float16_round_the_float32_result() -> None:
    x = normal(default_rng(0), 1, 3, 8, 8).astype(np.float16)
    common = {"kernel_sizes": [3, 3], "pad_type": "valid"}

    def build(x):
        return mb.max_pool(x=x, **common), mb.avg_pool(x=x, **common), mb.l2_pool(x=x, **common)

    plain = torch.from_numpy(x).float()
    wanted = F.max_pool2d(plain, 3, 1), F.avg_pool2d(plain, 3, 1), F.lp_pool2d(plain, 2, 3, 1)
    for y, one in zip(interpreted(build, x), wanted, strict=True):
        assert y.dtype == np.float16
        np.testing.assert_array_max_ulp(y, one.half().numpy())


def test_a_window_in_the_void_is_refused() -> None:
    # The documentation's formula gives two windows, of which the second covers nothing; PyTorch,
    # whose mode it says it is, gives one.
    x = np.ones((1, 1, 3), np.float32)
    with pytest.raises(ArtifactError, match="where there is nothing"):
        interpreted(
            lambda x: mb.max_pool(
                x=x, kernel_sizes=[1], strides=[3], pad_type="valid", ceil_mode=True
            ),
            x,
        )


@pytest.mark.parametrize("opset", ["iOS15", "iOS17"])
@pytest.mark.parametrize("seed", range(2))
def test_batch_and_instance_norm(seed: int, opset: str) -> None:
    rng = default_rng(seed)
    x = normal(rng, 2, 5, *rng.integers(2, 5, 2))
    mean, gamma, beta = (normal(rng, 5) for _ in range(3))
    variance = rng.random(5, np.float32)

    def build(x):
        return (
            mb.batch_norm(x=x, mean=mean, variance=variance),
            mb.batch_norm(
                x=x, mean=mean, variance=variance, gamma=gamma, beta=beta, epsilon=np.float32(0.1)
            ),
            mb.batch_norm(x=x, mean=mean, variance=variance, beta=beta),
            mb.instance_norm(x=x),
            mb.instance_norm(x=x, gamma=gamma, beta=beta, epsilon=np.float32(0.1)),
            mb.instance_norm(x=x, gamma=gamma),
        )

    plain, m, v, g, b = map(torch.from_numpy, (x, mean, variance, gamma, beta))
    wanted = (
        F.batch_norm(plain, m, v),
        F.batch_norm(plain, m, v, g, b, eps=0.1),
        F.batch_norm(plain, m, v, None, b),
        F.instance_norm(plain),
        F.instance_norm(plain, weight=g, bias=b, eps=0.1),
        F.instance_norm(plain, weight=g),
    )
    for y, one in zip(interpreted(build, x, opset=opset), wanted, strict=True):
        np.testing.assert_allclose(y, one, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("opset", ["iOS15", "iOS17"])
def test_layer_norm(opset: str) -> None:
    rng = default_rng(5)
    x = normal(rng, 2, 3, 4, 5)
    cases, wanted = [], []
    # Without axes, which the documentation allows, coremltools fails.
    for axes in ([0, 1, 2, 3], [-1], [1, 2], [0, 3], [-2, 1, -1]):
        chosen = tuple(sorted(axis % 4 for axis in axes))
        gamma, beta = (normal(rng, *(x.shape[axis] for axis in chosen)) for _ in range(2))
        cases += [
            {"axes": axes},
            {"axes": axes, "gamma": gamma, "beta": beta, "epsilon": np.float32(0.1)},
        ]
        shape = [side if axis in chosen else 1 for axis, side in enumerate(x.shape)]
        centered = x - x.mean(chosen, keepdims=True, dtype=np.float64)
        variance = (centered**2).mean(chosen, keepdims=True)
        wanted += [
            centered / np.sqrt(variance + 1e-5),
            centered / np.sqrt(variance + 0.1) * gamma.reshape(shape) + beta.reshape(shape),
        ]

    def build(x):
        return tuple(mb.layer_norm(x=x, **case) for case in cases)

    results = interpreted(build, x, opset=opset)
    known = inferred(build, x, opset=opset)
    for y, by_coremltools, one in zip(results, known, wanted, strict=True):
        np.testing.assert_allclose(y, by_coremltools, atol=1e-5)
        np.testing.assert_allclose(y, one, atol=1e-5)


@pytest.mark.parametrize("opset", ["iOS15", "iOS17"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (2, 2, 3, 4, 5)])
def test_l2_norm(shape: tuple[int, ...], opset: str) -> None:
    x = normal(default_rng(len(shape)), *shape)

    def build(x):
        return mb.l2_norm(x=x), mb.l2_norm(x=x, epsilon=np.float32(2.0))

    results = interpreted(build, x, opset=opset)
    lengths = np.square(x, dtype=np.float64).sum((-3, -2, -1), keepdims=True)
    known = inferred(build, x, opset=opset)
    for y, one, epsilon in zip(results, known, (1e-6, 2.0), strict=True):
        np.testing.assert_allclose(y, one, atol=1e-6)
        np.testing.assert_allclose(y, x / np.sqrt(lengths + epsilon), atol=1e-6)


@pytest.mark.parametrize("opset", ["iOS15", "iOS17"])
def test_local_response_norm(opset: str) -> None:
    x = normal(default_rng(0), 2, 7, 3, 4)
    numbers = {"alpha": np.float32(0.3), "beta": np.float32(0.6), "k": np.float32(2.0)}

    def build(x):
        return (
            mb.local_response_norm(x=x, size=5),
            mb.local_response_norm(x=x, size=3, **numbers),
            mb.local_response_norm(x=x, size=4, **numbers),
        )

    for y, size, alpha, beta, k in zip(
        interpreted(build, x, opset=opset),
        (5, 3, 4),
        (1e-4, 0.3, 0.3),
        (0.75, 0.6, 0.6),
        (1.0, 2.0, 2.0),
        strict=True,
    ):
        wanted = F.local_response_norm(torch.from_numpy(x), size, alpha, beta, k)
        np.testing.assert_allclose(y, wanted, atol=1e-5)


@pytest.mark.parametrize("opset", ["iOS16", "iOS17"])
def test_norms_of_float16_round_the_float32_result(opset: str) -> None:
    rng = default_rng(0)
    x = normal(rng, 1, 4, 3, 5).astype(np.float16)
    mean = normal(rng, 4).astype(np.float16)
    variance = rng.random(4).astype(np.float16) + np.float16(0.1)
    # From iOS 17 on parameters may be more precise.
    wide = np.float32 if opset == "iOS17" else np.float16
    epsilon = {"epsilon": wide(0.01)}

    def build(x):
        return (
            mb.batch_norm(x=x, mean=mean.astype(wide), variance=variance.astype(wide), **epsilon),
            mb.instance_norm(x=x, **epsilon),
            mb.layer_norm(x=x, axes=[-1], **epsilon),
            mb.l2_norm(x=x, **epsilon),
            mb.local_response_norm(x=x, size=3, alpha=wide(1), beta=wide(1), k=wide(1)),
        )

    plain, m, v = (torch.from_numpy(one).float() for one in (x, mean, variance))
    e = float(wide(0.01))
    wanted = (
        F.batch_norm(plain, m, v, eps=e),
        F.instance_norm(plain, eps=e),
        F.layer_norm(plain, (5,), eps=e),
        plain / (plain.square().sum() + e).sqrt(),
        F.local_response_norm(plain, 3, 1, 1, 1),
    )
    for y, one in zip(interpreted(build, x, opset=opset), wanted, strict=True):
        assert y.dtype == np.float16
        np.testing.assert_array_max_ulp(y, one.half().numpy())


class Norms(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.batch = nn.BatchNorm2d(6)
        self.layer = nn.LayerNorm((6, 9))
        self.instance = nn.InstanceNorm2d(6, affine=True)
        for buffer in (self.batch.running_mean, self.batch.running_var):
            nn.init.uniform_(buffer, 0.5, 2.0)
        for parameter in self.parameters():
            nn.init.normal_(parameter)

    def forward(self, x):
        return self.batch(x), self.layer(x), self.instance(x)


class Pools(nn.Module):
    def forward(self, x):
        return (
            F.max_pool2d(x, (3, 2), (2, 1), (1, 0)),
            F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
            F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=True),
            F.avg_pool2d(x, (2, 3), 2, (0, 1), count_include_pad=False),
        )


@pytest.mark.parametrize("module", [Norms(), Pools()], ids=["norms", "pools"])
def test_converted_modules(module: nn.Module) -> None:
    torch.manual_seed(0)
    assert_converts(module, torch.randn(2, 6, 6, 9))
