"""Reductions, products of matrices, and attention."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from mil_cases import OPSETS, Case, Cases, covers, flag, floats, ints, like, sides
from mil_programs import Array, interpreted, mb
from numpy.random import Generator

from squeezesam_export.mlprogram import registry
from squeezesam_export.mlprogram.ops import reduction

pytestmark = pytest.mark.slow

CASES = Cases()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("opset", OPSETS)
def test_answers_as_documented(opset: int, seed: int) -> None:
    CASES.check(opset, seed)


@pytest.mark.parametrize("opset", OPSETS[1:])  # no model takes float16 before iOS 16
def test_float16_is_float32_rounded(opset: int) -> None:
    CASES.check(opset, seed=opset, half=True)


def test_each_operator_has_a_case() -> None:
    covers(CASES, (reduction,))


def some_axes(rng: Generator, rank: int) -> list[int]:
    """A few axes, in any order, counted from either end."""
    axes = rng.permutation(rank)[: rng.integers(1, rank + 1)]
    return [int(axis) - rank * flag(rng) for axis in axes]


def log_sum_exp(x: Array, **along: Any) -> Array:
    return np.log(np.sum(np.exp(x.astype(np.float64)), **along))


REDUCTIONS: dict[str, Callable[..., Array]] = {
    "reduce_l1_norm": lambda x, **along: np.sum(np.abs(x), **along),
    "reduce_l2_norm": lambda x, **along: np.sqrt(np.sum(x.astype(np.float64) ** 2, **along)),
    "reduce_log_sum": lambda x, **along: np.log(np.sum(x.astype(np.float64), **along)),
    "reduce_log_sum_exp": log_sum_exp,
    "reduce_max": np.max,
    "reduce_mean": lambda x, **along: np.mean(x.astype(np.float64), **along),
    "reduce_min": np.min,
    "reduce_prod": np.prod,
    "reduce_sum": np.sum,
    "reduce_sum_square": lambda x, **along: np.sum(np.square(x), **along),
}


def values_for(kind: str, rng: Generator, integers: bool) -> Array:
    """Positive where a logarithm is taken, and few where a product might overflow."""
    if kind == "reduce_prod":
        shape = sides(rng, 2)
        return (
            ints(rng, *shape, low=-2, high=2)
            if integers
            else floats(rng, *shape, low=0.5, high=1.5)
        )
    low = 1 if kind == "reduce_log_sum" else -4
    return ints(rng, low=low, high=9) if integers else floats(rng, low=low)


for kind, function in REDUCTIONS.items():
    for integers in (False, True):

        @CASES.of(kind)
        def along_axes(
            rng: Generator,
            _: int,
            kind: str = kind,
            function: Any = function,
            integers: bool = integers,
        ) -> Case:
            x = values_for(kind, rng, integers)
            axes, keep_dims = some_axes(rng, x.ndim), flag(rng)
            operator = getattr(mb, kind)
            return Case(
                lambda x: (
                    operator(x=x),
                    operator(x=x, keep_dims=True),
                    operator(x=x, axes=axes, keep_dims=keep_dims),
                ),
                (x,),
                # Integers are cut off, as coremltools does; the documentation does not say.
                lambda x: tuple(
                    np.asarray(function(x, axis=axis, keepdims=keep)).astype(x.dtype)
                    for axis, keep in ((None, False), (None, True), (tuple(axes), keep_dims))
                ),
            )


for kind, function in {"reduce_argmax": np.argmax, "reduce_argmin": np.argmin}.items():
    for integers in (False, True):

        @CASES.of(kind)
        def argument(
            rng: Generator,
            opset: int,
            kind: str = kind,
            function: Any = function,
            integers: bool = integers,
        ) -> Case:
            x = floats(rng)
            if integers:
                x = rng.permutation(x.size).reshape(x.shape).astype(np.int32)
            axis, keep_dims = int(rng.integers(-x.ndim, x.ndim)), flag(rng)
            types = [{"output_dtype": name} for name in ("int32", "uint16")] if opset >= 7 else [{}]
            operator = getattr(mb, kind)
            return Case(
                lambda x: (
                    operator(x=x),
                    *(operator(x=x, axis=axis, keep_dims=keep_dims, **type_) for type_ in types),
                ),
                (x,),
                lambda x: (
                    function(x, axis=-1),
                    *(function(x, axis=axis, keepdims=keep_dims) for _ in types),
                ),
            )


def test_indices_of_other_types_are_refused() -> None:
    found = registry.find("reduce_argmax", 7)
    assert found
    with pytest.raises(registry.UnsupportedError, match="'int8'"):
        found.function(torch.zeros(2), output_dtype="int8")


def test_float16_sums_are_rounded_once() -> None:
    x = np.full(4096, 1.001, np.float16)  # in float16 alone the sum would stay at 2048
    (answer,) = interpreted(lambda x: mb.reduce_sum(x=x), x)
    assert answer == np.float16(x.astype(np.float64).sum())


@CASES.of("linear")
def linear_layer(rng: Generator, _: int) -> Case:
    *batch, width, channels = sides(rng, int(rng.integers(2, 5)))
    weight, bias = floats(rng, channels, width), floats(rng, channels)
    return Case(
        lambda x: (
            mb.linear(x=x, weight=like(weight, x)),
            mb.linear(x=x, weight=like(weight, x), bias=like(bias, x)),
        ),
        (floats(rng, *batch, width),),
        lambda x: (x @ weight.T, x @ weight.T + bias),
    )


@CASES.of("matmul")
def matmul(rng: Generator, _: int) -> Case:
    batch = sides(rng, 2)
    rows, inner, columns = sides(rng, 3)
    left, right = flag(rng), flag(rng)
    x = floats(rng, *batch[rng.integers(3) :], rows, inner)
    y = floats(rng, *(1 if flag(rng) else side for side in batch), inner, columns)
    return Case(
        lambda x, y: mb.matmul(x=x, y=y, transpose_x=left, transpose_y=right),
        (x.swapaxes(-1, -2) if left else x, y.swapaxes(-1, -2) if right else y),
        lambda x, y: np.matmul(
            x.swapaxes(-1, -2) if left else x, y.swapaxes(-1, -2) if right else y
        ),
    )


@CASES.of("einsum")
def einsum(rng: Generator, _: int) -> Case:
    n, c, h, w, u = sides(rng, 5)
    one, other = (1, h) if flag(rng) else (h, 1)
    return Case(
        lambda x, y, v, z: (
            mb.einsum(values=(x, y), equation="nchw,nwhu->nchu"),
            mb.einsum(values=(v, z), equation="abc,cbd->abd"),
        ),
        (
            floats(rng, n, c, h, w),
            floats(rng, 1, w, h, u),
            floats(rng, c, one, w),
            floats(rng, w, other, u),
        ),
        lambda x, y, v, z: (
            np.matmul(x.transpose(0, 2, 1, 3), y.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3),
            np.matmul(v.transpose(1, 0, 2), z.transpose(1, 0, 2)).transpose(1, 0, 2),
        ),
    )


def attention(query: Array, key: Array, value: Array, mask: Array) -> Array:
    """In float64, with a mask that is added."""
    scores = np.einsum("...le,...se->...ls", query, key, dtype=np.float64) / query.shape[-1] ** 0.5
    weights = np.exp(scores + mask)
    weights /= weights.sum(-1, keepdims=True)
    return np.einsum("...ls,...sv->...lv", weights, value).astype(np.float32)


@CASES.of("scaled_dot_product_attention", since=8)
def scaled_dot_product_attention(rng: Generator, _: int) -> Case:
    *batch, targets, sources, width, channels = sides(rng, int(rng.integers(5, 7)))
    mask = floats(rng, targets, sources)
    part = ints(rng, batch[-1], targets, sources, low=0, high=1)
    part[..., 0] = 1  # each takes some part

    def build(query: Any, key: Any, value: Any, mask: Any, part: Any) -> Any:
        operator = mb.scaled_dot_product_attention
        given = {"query": query, "key": key, "value": value}
        part = mb.cast(x=part, dtype="bool")
        return (
            operator(**given),
            operator(**given, attn_mask=mask),
            operator(**given, attn_mask=part),
        )

    return Case(
        build,
        (
            floats(rng, *batch, targets, width),
            floats(rng, *batch, sources, width),
            floats(rng, *batch, sources, channels),
            mask,
            part if len(batch) > 1 else part[0],
        ),
        lambda query, key, value, mask, part: tuple(
            attention(query, key, value, one)
            for one in (np.float32(0), mask, np.where(part, 0, -np.inf))
        ),
    )
