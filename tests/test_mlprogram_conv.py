"""conv and conv_transpose against sums written out, PyTorch, and one another."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from mil_programs import Array, interpreted, mb
from numpy.random import Generator, default_rng
from torch import nn
from torch.nn import functional as F
from torch_programs import assert_converts

from squeezesam.errors import ArtifactError

pytestmark = pytest.mark.slow

PAD_TYPES = ("valid", "custom", "same", "same_lower")


def normal(rng: Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, dtype=np.float32)


def random_case(rng: Generator, dimensions: int, pad_type: str) -> dict:
    """Parameters that both operators take."""
    case = {
        "strides": rng.integers(1, 4, dimensions).tolist(),
        "dilations": rng.integers(1, 3, dimensions).tolist(),
        "groups": int(rng.integers(1, 3)),
        "pad_type": pad_type,
    }
    if pad_type == "custom":
        case["pad"] = rng.integers(0, 3, 2 * dimensions).tolist()
    return case


def before_and_total(side: int, span: int, stride: int, case: dict, axis: int) -> tuple[int, int]:
    """Padding before an axis, and in all."""
    if case["pad_type"] == "valid":
        return 0, 0
    if case["pad_type"] == "custom":
        return case["pad"][2 * axis], sum(case["pad"][2 * axis : 2 * axis + 2])
    # The documentation of `same` has a second formula, which knows no stride and puts the odd
    # element before; it contradicts both the sides it promises and what it says of same_lower.
    total = max((math.ceil(side / stride) - 1) * stride + span - side, 0)
    return (total // 2 if case["pad_type"] == "same" else -(-total // 2)), total


def links(sides, kernel, case):
    """All (output place, kernel place, input place) of a convolution, and its output's sides."""
    axes = []
    for axis, (side, width) in enumerate(zip(sides, kernel, strict=True)):
        stride, dilation = case["strides"][axis], case["dilations"][axis]
        span = (width - 1) * dilation + 1
        before, total = before_and_total(side, span, stride, case, axis)
        axes.append(((side + total - span) // stride + 1, stride, dilation, before))
    outputs = tuple(count for count, *_ in axes)
    found = []
    for place in np.ndindex(outputs):
        for tap in np.ndindex(*kernel):
            source = tuple(
                p * stride + k * dilation - before
                for p, k, (_, stride, dilation, before) in zip(place, tap, axes, strict=True)
            )
            if all(0 <= one < side for one, side in zip(source, sides, strict=True)):
                found.append((place, tap, source))
    return outputs, found


def by_sums(x: Array, weight: Array, bias: Array, case: dict) -> Array:
    """A convolution, one product after the other."""
    outputs, found = links(x.shape[2:], weight.shape[2:], case)
    groups = case["groups"]
    y = np.zeros((len(x), groups, len(weight) // groups, *outputs))
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    for place, tap, source in found:
        y[:, :, :, *place] += np.einsum(
            "bgi,goi->bgo", x[:, :, :, *source], weight[:, :, :, *tap], dtype=np.float64
        )
    return y.reshape(len(x), -1, *outputs) + bias.reshape(-1, *(1,) * len(outputs))


def transposed_by_sums(x: Array, weight: Array, bias: Array, case: dict, sides) -> Array:
    """What a convolution of those parameters sends back to an input of given sides."""
    outputs, found = links(sides, weight.shape[2:], case)
    assert outputs == x.shape[2:]
    groups = case["groups"]
    y = np.zeros((len(x), groups, weight.shape[1], *sides))
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    for place, tap, source in found:
        y[:, :, :, *source] += np.einsum(
            "bgi,gio->bgo", x[:, :, :, *place], weight[:, :, :, *tap], dtype=np.float64
        )
    return y.reshape(len(x), -1, *sides) + bias.reshape(-1, *(1,) * len(sides))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("opset", ["iOS15", "iOS17"])
def test_conv(dimensions: int, opset: str) -> None:
    rng = default_rng(dimensions)
    x = normal(rng, 2, 4, *rng.integers(5, 8, dimensions))
    cases, weights, bias = [], [], normal(rng, 6)
    for pad_type in PAD_TYPES[: 3 if opset == "iOS15" else 4]:  # same_lower came later
        for _ in range(3):
            cases.append(random_case(rng, dimensions, pad_type))
            kernel = rng.integers(1, 4, dimensions)
            weights.append(normal(rng, 6, 4 // cases[-1]["groups"], *kernel))

    def build(x):
        return tuple(
            mb.conv(x=x, weight=weight, bias=bias, **case)
            for weight, case in zip(weights, cases, strict=True)
        )

    for y, weight, case in zip(interpreted(build, x, opset=opset), weights, cases, strict=True):
        np.testing.assert_allclose(y, by_sums(x, weight, bias, case), atol=1e-5)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("opset", ["iOS15", "iOS17"])
def test_conv_transpose(dimensions: int, opset: str) -> None:
    rng = default_rng(10 + dimensions)
    bias, x, weights, cases, sides = normal(rng, 6), [], [], [], []
    for pad_type in ("valid", "custom", "same"):
        for given in (False, True, True):
            case = random_case(rng, dimensions, pad_type)
            kernel = rng.integers(1, 4, dimensions)
            spans = [(k - 1) * d + 1 for k, d in zip(kernel, case["dilations"], strict=True)]
            # Large enough for what a custom padding takes away.
            large = rng.integers(8, 12, dimensions).tolist()
            small, _ = links(large, kernel, case)
            if given:
                case["output_shape"] = [2, 6, *large]
            elif pad_type == "same":
                large = [n * s for n, s in zip(small, case["strides"], strict=True)]
            else:
                totals = [before_and_total(0, 0, 1, case, axis)[1] for axis in range(dimensions)]
                large = [
                    (n - 1) * s + span - total
                    for n, s, span, total in zip(small, case["strides"], spans, totals, strict=True)
                ]
            x.append(normal(rng, 2, 4, *small))
            weights.append(normal(rng, 4, 6 // case["groups"], *kernel))
            cases.append(case)
            sides.append(large)

    def build(*inputs):
        return tuple(
            mb.conv_transpose(x=one, weight=weight, bias=bias, **case)
            for one, weight, case in zip(inputs, weights, cases, strict=True)
        )

    results = interpreted(build, *x, opset=opset)
    for one, weight, case, large, y in zip(x, weights, cases, sides, results, strict=True):
        wanted = transposed_by_sums(one, weight, bias, case, tuple(large))
        np.testing.assert_allclose(y, wanted, atol=1e-5)


def test_defaults() -> None:
    rng = default_rng(1)
    x, weight = normal(rng, 1, 2, 5, 6), normal(rng, 2, 2, 3, 2)

    def build(x):
        return (
            mb.conv(x=x, weight=weight),
            mb.conv(x=x, weight=weight, pad_type="custom"),
            mb.conv_transpose(x=x, weight=weight),
            mb.conv_transpose(x=x, weight=weight, pad_type="custom"),
        )

    plain, custom, transposed, transposed_custom = interpreted(build, x)
    x, weight = torch.from_numpy(x), torch.from_numpy(weight)
    np.testing.assert_allclose(plain, F.conv2d(x, weight), atol=1e-6)
    np.testing.assert_array_equal(custom, plain)
    np.testing.assert_allclose(transposed, F.conv_transpose2d(x, weight), atol=1e-6)
    np.testing.assert_array_equal(transposed_custom, transposed)


def test_weights_may_be_computed() -> None:
    rng = default_rng(2)
    x, weight = normal(rng, 1, 2, 5, 6), normal(rng, 4, 2, 3, 3)
    (y,) = interpreted(lambda x, weight: mb.conv(x=x, weight=weight), x, weight)
    np.testing.assert_allclose(
        y, F.conv2d(torch.from_numpy(x), torch.from_numpy(weight)), atol=1e-5
    )


@pytest.mark.parametrize("opset", ["iOS16", "iOS17"])
def test_float16_is_the_float32_sum_rounded(opset: str) -> None:
    rng = default_rng(3)
    x, weight = (normal(rng, *shape).astype(np.float16) for shape in ((1, 3, 6, 6), (3, 3, 3, 3)))
    mixed = weight.astype(np.float32) if opset == "iOS17" else weight

    def build(x):
        return mb.conv(x=x, weight=mixed), mb.conv_transpose(x=x, weight=mixed)

    operands = torch.from_numpy(x).float(), torch.from_numpy(weight).float()
    wanted = F.conv2d(*operands), F.conv_transpose2d(*operands)
    for y, one in zip(interpreted(build, x, opset=opset), wanted, strict=True):
        assert y.dtype == np.float16
        np.testing.assert_array_max_ulp(y, one.half().numpy())
        assert (y == one.half().numpy()).mean() > 0.9


def test_an_output_shape_that_leads_elsewhere_is_refused() -> None:
    x, weight = np.ones((1, 1, 4), np.float32), np.ones((1, 1, 3), np.float32)
    with pytest.raises(ArtifactError, match="does not lead to x"):
        interpreted(
            lambda x: mb.conv_transpose(x=x, weight=weight, strides=[2], output_shape=[1, 1, 40]),
            x,
        )


@pytest.mark.parametrize("seed", range(3))
def test_converted_modules(seed: int) -> None:
    rng = default_rng(seed)
    torch.manual_seed(seed)

    def pick(low: int, high: int) -> tuple[int, int]:
        first, second = rng.integers(low, high, 2).tolist()
        return first, second

    layers: list[nn.Module] = []
    for before, after in pairwise((4, 6, 8)):
        groups = int(rng.integers(1, 3))
        stride, dilation = pick(1, 3), pick(1, 3)
        layers += [
            nn.Conv2d(before, after, pick(1, 4), stride, pick(0, 3), dilation, groups),
            nn.ConvTranspose2d(after, after, pick(3, 5), (2, 3), pick(1, 3), (0, 1), groups),
        ]
    assert_converts(nn.Sequential(*layers), torch.randn(2, 4, 16, 17))


def test_a_converted_convolution_of_one_and_three_dimensions() -> None:
    torch.manual_seed(0)
    assert_converts(nn.Conv1d(4, 6, 3, 2, 1, groups=2), torch.randn(1, 4, 11))
    assert_converts(nn.ConvTranspose1d(4, 6, 3, 2, 1, 1), torch.randn(1, 4, 11))
    assert_converts(nn.Conv3d(2, 3, (1, 3, 2), (1, 2, 1), 1), torch.randn(1, 2, 5, 6, 4))
