"""Functions of one and of two elements, and activations."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from mil_cases import NOT_EVALUATED, OPSETS, Case, Cases, covers, floats, ints, like, number, sides
from mil_programs import Array, inferred, interpreted, mb
from numpy.random import Generator
from torch.nn import functional as F

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram import registry
from squeezesam_export.mlprogram.ops import elementwise

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
    covers(CASES, (elementwise,))


def erf(x: Array) -> Array:
    return np.vectorize(math.erf)(x).astype(np.float32)


def one_input(
    kind: str, expected: Callable[[Array], Array], make: Callable[[Generator], Array], exact: bool
) -> None:
    """Add cases of an operator of x alone."""

    @CASES.of(kind)
    def case(rng: Generator, _: int) -> Case:
        return Case(
            lambda x: getattr(mb, kind)(x=x),
            (make(rng),),
            expected,
            exact,
            NOT_EVALUATED if kind == "silu" else "",
        )


EXACT = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "sign": np.sign,
    "square": np.square,
}
for kind, function in EXACT.items():
    one_input(kind, function, lambda rng: floats(rng, low=-9, high=9), exact=True)
for kind in ("abs", "sign", "square"):
    one_input(kind, EXACT[kind], ints, exact=True)
one_input("round", np.rint, lambda rng: ints(rng).astype(np.float32) / 2, exact=True)
# PyTorch's square root of float32 may be off by its last bit, where MKL computes it.
one_input("sqrt", np.sqrt, lambda rng: floats(rng, low=0, high=9), exact=False)
one_input("exp2", np.exp2, floats, exact=False)
one_input("exp2", lambda x: 2**x, lambda rng: ints(rng, low=0, high=30), exact=True)

ROUNDED = {
    "atan": np.arctan,
    "cos": np.cos,
    "cosh": np.cosh,
    "erf": erf,
    "exp": np.exp,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "sin": np.sin,
    "sinh": np.sinh,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanh": np.tanh,
}
for kind, function in ROUNDED.items():
    one_input(kind, function, floats, exact=False)
for kind, function in {
    "acos": np.arccos,
    "asin": np.arcsin,
    "atanh": np.arctanh,
    "tan": np.tan,
}.items():
    one_input(kind, function, lambda rng: floats(rng, low=-0.99, high=0.99), exact=False)


@CASES.of("logical_not")
def logical_not(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.logical_not(x=mb.cast(x=x, dtype="bool")),
        (ints(rng, low=-1, high=1),),
        np.logical_not,
    )


@CASES.of("clip")
def clip(rng: Generator, _: int) -> Case:
    alpha, beta = number(rng, -2, 0), number(rng, 1, 2)
    return Case(
        lambda x: mb.clip(x=x, alpha=like(alpha, x), beta=like(beta, x)),
        (floats(rng),),
        lambda x: np.minimum(np.maximum(x, np.float32(alpha)), np.float32(beta)),
        exact=True,
    )


@CASES.of("clip", until=6)
def clip_to_an_empty_range(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.clip(x=x, alpha=like(2, x), beta=like(1, x)),
        (floats(rng),),
        np.ones_like,
        exact=True,
    )


@CASES.of("threshold")
def threshold(rng: Generator, _: int) -> Case:
    alpha = number(rng)
    return Case(
        lambda x: mb.threshold(x=x, alpha=like(alpha, x)),
        (floats(rng),),
        lambda x: np.maximum(x, np.float32(alpha)),
        exact=True,
    )


@CASES.of("threshold")
def threshold_of_integers(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.threshold(x=x, alpha=np.int32(3)), (ints(rng),), lambda x: np.maximum(x, 3)
    )


EPSILONS: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "inverse": (1e-4, np.reciprocal),
    "log": (1e-45, np.log),
    "rsqrt": (1e-12, lambda x: 1 / np.sqrt(x)),
}
for kind, (_, function) in EPSILONS.items():

    @CASES.of(kind)
    def with_epsilon(
        rng: Generator, opset: int, kind: str = kind, function: Any = function
    ) -> Case:
        epsilon = number(rng, 0.5, 1)
        return Case(
            # From iOS 17 on epsilon may be of another type.
            lambda x: getattr(mb, kind)(
                x=x, epsilon=like(epsilon, x) if opset < 7 else np.float32(epsilon)
            ),
            (floats(rng, low=0, high=4),),
            lambda x: function(x + np.float32(epsilon)),
        )

    @CASES.of(kind)
    def without_epsilon(rng: Generator, _: int, kind: str = kind, function: Any = function) -> Case:
        return Case(
            lambda x: getattr(mb, kind)(x=x),
            (floats(rng, low=1, high=4),),
            lambda x: function(x + np.float32(EPSILONS[kind][0])),
        )


@pytest.mark.parametrize("kind", EPSILONS)
def test_epsilon_where_the_program_has_none(kind: str) -> None:
    epsilon, function = EPSILONS[kind]
    found = registry.find(kind, 7)
    assert found
    answer = found.function(torch.zeros(1)).numpy()
    assert answer == pytest.approx(function(np.zeros(1, np.float32) + np.float32(epsilon)), 1e-5)


CASTS = {"int32": np.int32, "bool": np.bool_}
CASTS_IOS17 = {"int8": np.int8, "uint8": np.uint8, "int16": np.int16, "uint16": np.uint16}


@CASES.of("cast")
def cast(rng: Generator, opset: int) -> Case:
    names = CASTS | (CASTS_IOS17 if opset >= 7 else {})
    return Case(
        lambda x: tuple(mb.cast(x=x, dtype=name) for name in names),
        (floats(rng, low=0, high=120),),
        lambda x: tuple(x.astype(dtype) for dtype in names.values()),
    )


@CASES.of("cast")
def cast_below_zero(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.cast(x=x, dtype="int32"),
        (floats(rng, low=-9, high=9),),
        lambda x: np.trunc(x).astype(np.int32),
    )


@CASES.of("cast")
def cast_integers(rng: Generator, _: int) -> Case:
    return Case(lambda x: mb.cast(x=x, dtype="fp32"), (ints(rng),), lambda x: x.astype(np.float32))


@pytest.mark.parametrize("opset", OPSETS[1:])
def test_cast_to_float16_rounds(opset: int) -> None:
    x = np.array([1 / 3, 65519, 65520, 1e-8, -2.5], np.float32)

    def build(x: Any) -> tuple[Any, Any]:
        half = mb.cast(x=x, dtype="fp16")
        return half, mb.cast(x=half, dtype="fp32")

    half, single = interpreted(build, x, opset=f"iOS{opset + 10}")
    assert (half.dtype, single.dtype) == (np.float16, np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(half, x.astype(np.float16))
    np.testing.assert_array_equal(single, half)


def two_inputs(
    kind: str,
    expected: Callable[..., Array],
    make: Callable[[Generator, tuple[int, ...]], Array],
    exact: bool,
) -> None:
    """Add cases of an operator of x and y, whose shapes are broadcast."""

    @CASES.of(kind)
    def case(rng: Generator, _: int) -> Case:
        shape = sides(rng)
        kept = rng.random(len(shape)) < 0.5
        narrow = tuple(side if keep else 1 for side, keep in zip(shape, kept, strict=True))
        narrow = narrow[rng.integers(len(shape)) :]
        inputs = make(rng, shape), make(rng, narrow)
        if rng.integers(2):
            inputs = inputs[::-1]
        return Case(lambda x, y: getattr(mb, kind)(x=x, y=y), inputs, expected, exact)


def small(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Eighths between -2 and 2, so that some are equal, without 0."""
    return (ints(rng, *shape, low=1, high=16) * rng.choice([-1, 1], shape) / 8).astype(np.float32)


def small_ints(rng: Generator, shape: tuple[int, ...]) -> Array:
    return (ints(rng, *shape, low=1, high=4) * rng.choice([-1, 1], shape)).astype(np.int32)


COMPARISONS: dict[str, Callable[..., Array]] = {
    "equal": np.equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "not_equal": np.not_equal,
}
ARITHMETIC: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "floor_div": np.floor_divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mod": np.mod,
    "mul": np.multiply,
    "sub": np.subtract,
}
for kind, function in (COMPARISONS | ARITHMETIC).items():
    two_inputs(kind, function, small, exact=True)
    two_inputs(kind, function, small_ints, exact=True)
two_inputs("real_div", np.divide, lambda rng, shape: floats(rng, *shape, low=1, high=4), exact=True)
two_inputs("pow", np.power, lambda rng, shape: floats(rng, *shape, low=0.5), exact=False)
two_inputs("pow", np.power, lambda rng, shape: ints(rng, *shape, low=0, high=5), exact=True)

for kind, function in {
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}.items():

    @CASES.of(kind)
    def logical(rng: Generator, _: int, kind: str = kind, function: Any = function) -> Case:
        shape = sides(rng)
        return Case(
            lambda x, y: getattr(mb, kind)(
                x=mb.cast(x=x, dtype="bool"), y=mb.cast(x=y, dtype="bool")
            ),
            (ints(rng, *shape, low=0, high=1), ints(rng, *shape[-1:], low=0, high=1)),
            function,
        )


BINARY_FLOAT16 = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "real_div": np.divide}
UNARY_FLOAT16 = {"abs": np.abs, "sqrt": np.sqrt, "square": np.square}


def test_float16_arithmetic_rounds_as_numpys_does() -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=65536).astype(np.float16) for _ in range(2))
    answers = interpreted(
        lambda x, y: tuple(getattr(mb, kind)(x=x, y=y) for kind in BINARY_FLOAT16), x, y
    )
    for answer, function in zip(answers, BINARY_FLOAT16.values(), strict=True):
        assert answer.dtype == np.float16
        np.testing.assert_array_equal(answer, function(x, y))


def test_each_float16_is_rounded_as_numpy_does() -> None:
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    answers = interpreted(lambda x: tuple(getattr(mb, kind)(x=x) for kind in UNARY_FLOAT16), x)
    for answer, function in zip(answers, UNARY_FLOAT16.values(), strict=True):
        assert answer.dtype == np.float16
        with np.errstate(over="ignore", invalid="ignore"):
            np.testing.assert_array_equal(answer, function(x))


def test_real_div_of_integers_is_refused() -> None:
    x = np.array([7], np.int32)
    with pytest.raises(ArtifactError, match=r"real_div fails: .*gives float where int32"):
        interpreted(lambda x: mb.real_div(x=x, y=np.int32(2)), x)


ALPHA: dict[str, Callable[[Array, Any], Array]] = {
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)),
    "leaky_relu": lambda x, alpha: np.where(x >= 0, x, alpha * x),
    "thresholded_relu": lambda x, alpha: np.where(x >= alpha, x, np.float32(0)),
}
for kind, function in ALPHA.items():

    @CASES.of(kind)
    def with_alpha(rng: Generator, opset: int, kind: str = kind, function: Any = function) -> Case:
        alpha = np.float32(number(rng))
        return Case(
            lambda x: getattr(mb, kind)(x=x, alpha=like(alpha, x) if opset < 7 else alpha),
            (floats(rng),),
            lambda x: function(x, alpha),
        )


ALPHA_BETA: dict[str, Callable[[Array, Any, Any], Array]] = {
    "clamped_relu": lambda x, alpha, beta: np.minimum(beta, np.where(x >= 0, x, alpha * x)),
    "linear_activation": lambda x, alpha, beta: alpha * x + beta,
    "scaled_tanh": lambda x, alpha, beta: alpha * np.tanh(beta * x),
    "sigmoid_hard": lambda x, alpha, beta: np.minimum(np.maximum(alpha * x + beta, 0), 1),
}
for kind, function in ALPHA_BETA.items():

    @CASES.of(kind)
    def with_both(rng: Generator, opset: int, kind: str = kind, function: Any = function) -> Case:
        alpha, beta = np.float32(number(rng)), np.float32(number(rng, 0, 2))
        return Case(
            lambda x: getattr(mb, kind)(
                x=x,
                alpha=like(alpha, x) if opset < 7 else alpha,
                beta=like(beta, x) if opset < 7 else beta,
            ),
            (floats(rng),),
            lambda x: function(x, alpha, beta),
        )


@CASES.of("clamped_relu")
def clamped_relu_below_zero(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.clamped_relu(x=x, alpha=like(0.5, x), beta=like(-1, x)),
        (floats(rng),),
        lambda x: np.minimum(np.float32(-1), np.where(x >= 0, x, x / 2)),
        exact=True,
        unlike="coremltools adds the answers of both signs: min(x, beta) + min(0, beta)",
    )


GELUS: dict[str, Callable[[Array], Array]] = {
    "EXACT": lambda x: x / 2 * (1 + erf(x / np.float32(2**0.5))),
    "TANH_APPROXIMATION": lambda x: (
        x / 2 * (1 + np.tanh(np.float32((2 / np.pi) ** 0.5) * (x + np.float32(0.044715) * x**3)))
    ),
    "SIGMOID_APPROXIMATION": lambda x: x / (1 + np.exp(np.float32(-1.702) * x)),
}


@CASES.of("gelu")
def gelu(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: (mb.gelu(x=x), *(mb.gelu(x=x, mode=mode) for mode in GELUS)),
        (floats(rng),),
        lambda x: (GELUS["EXACT"](x), *(function(x) for function in GELUS.values())),
    )


@CASES.of("prelu")
def prelu(rng: Generator, _: int) -> Case:
    shape = sides(rng, 4)
    alpha = floats(rng, shape[1])
    return Case(
        lambda x: mb.prelu(x=x, alpha=like(alpha, x)),
        (floats(rng, *shape),),
        lambda x: F.prelu(torch.from_numpy(x), torch.from_numpy(alpha)).numpy(),
        exact=True,
    )


@CASES.of("prelu")
def prelu_of_other_ranks(rng: Generator, _: int) -> Case:
    shape = sides(rng, int(rng.choice([3, 5])))
    return Case(
        lambda x: mb.prelu(x=x, alpha=like([0.25] * shape[1], x)),
        (floats(rng, *shape),),
        lambda x: np.where(x > 0, x, x / 4),
        exact=True,
    )


@CASES.of("softplus_parametric")
def softplus_parametric(rng: Generator, _: int) -> Case:
    shape = sides(rng, 4)
    alpha, beta = floats(rng, shape[1]), floats(rng, shape[1], low=-2, high=2)
    return Case(
        lambda x: mb.softplus_parametric(x=x, alpha=like(alpha, x), beta=like(beta, x)),
        (floats(rng, *shape),),
        lambda x: alpha[:, None, None] * np.log1p(np.exp(beta[:, None, None] * x)),
    )


@CASES.of("softmax")
def softmax(rng: Generator, _: int) -> Case:
    x = floats(rng)
    axis = int(rng.integers(-x.ndim, x.ndim))
    return Case(
        lambda x: (mb.softmax(x=x), mb.softmax(x=x, axis=axis)),
        (x,),
        lambda x: tuple(np.exp(x) / np.exp(x).sum(along, keepdims=True) for along in (-1, axis)),
    )


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("gelu", {"mode": "QUICK"}),
        ("cast", {"dtype": "int64"}),
        ("clip", {"alpha": 1.0, "beta": 1.0}),
    ],
)
def test_unknown_parameters_are_refused(kind: str, parameters: dict[str, Any]) -> None:
    found = registry.find(kind, 7)
    assert found
    with pytest.raises(registry.UnsupportedError):
        found.function(torch.zeros(1), **parameters)


def test_coremltools_does_not_evaluate_silu() -> None:
    with pytest.raises(AssertionError, match="does not evaluate"):
        inferred(lambda x: mb.silu(x=x), np.zeros(1, np.float32))


@pytest.mark.parametrize("value", [300.0, -1.0, np.nan, np.inf])
def test_a_cast_of_what_does_not_fit_is_refused(value: float) -> None:
    with pytest.raises(ArtifactError, match="does not fit"):
        interpreted(
            lambda x: mb.cast(x=mb.cast(x=x, dtype="uint8"), dtype="int32"),
            np.full((2,), value, np.float32),
            opset="iOS17",
        )
