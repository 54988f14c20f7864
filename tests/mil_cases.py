"""Cases of single ML Program operators; many are checked in one program, since that is faster."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from mil_programs import Array, Build, inferred, interpreted, several, types
from numpy.random import Generator

from squeezesam_export.mlprogram import registry

OPSETS = (5, 6, 7, 8)
"""Of iOS 15 to 18."""


@dataclass(frozen=True)
class Case:
    """An operator with values.

    Attributes:
        build: makes it, from values of the inputs.
        inputs: float32 with values that float16 holds too, or int32.
        expected: the results, computed from the inputs by other means.
        exact: whether a float32 result must be the same to the last bit, and so a float16 one.
        unlike: where coremltools does not evaluate it as documented, why not.
    """

    build: Build
    inputs: tuple[Array, ...]
    expected: Callable[..., Any]
    exact: bool = False
    unlike: str = ""


Make = Callable[[Generator, int], Case]
"""Makes a random case for an operator set."""

NOT_EVALUATED = "coremltools does not evaluate it"


class Cases:
    """Cases by kind of operator and operator set."""

    def __init__(self) -> None:
        self.makers: list[tuple[str, range, Make]] = []

    def of(self, *kinds: str, since: int = 5, until: int = 8) -> Callable[[Make], Make]:
        """Add a function that makes cases."""

        def add(make: Make) -> Make:
            self.makers += [(kind, range(since, until + 1), make) for kind in kinds]
            return make

        return add

    def covered(self) -> set[tuple[str, int]]:
        """Kinds and operator sets that have a case."""
        return {(kind, opset) for kind, opsets, _ in self.makers for opset in opsets}

    def check(self, opset: int, seed: int, half: bool = False) -> None:
        """Compare what the interpreter, coremltools and the cases themselves say.

        Args:
            opset: its number.
            seed: of all values.
            half: whether to compute in float16; coremltools then rounds within its operators, and
                is left out.
        """
        rng = np.random.default_rng(seed)
        cases = [(kind, make(rng, opset)) for kind, opsets, make in self.makers if opset in opsets]
        if half:
            cases = [(kind, case) for kind, case in cases if has_floats(case.inputs)]
        compare(cases, interpreted, opset, half)
        if not half:
            evaluated = [(kind, case) for kind, case in cases if not case.unlike]
            compare(evaluated, inferred, opset, half)


def compare(
    cases: list[tuple[str, Case]],
    evaluate: Callable[..., tuple[Array, ...]],
    opset: int,
    half: bool,
) -> None:
    """Compare the results of many cases in one program with what they expect."""

    def build(*values: Any) -> tuple[Any, ...]:
        left = iter(values)
        results = [case.build(*(next(left) for _ in case.inputs)) for _, case in cases]
        return tuple(one for result in results for one in several(result))

    inputs = [halved(one) if half else one for _, case in cases for one in case.inputs]
    answers = iter(evaluate(build, *inputs, opset=f"iOS{opset + 10}"))
    for kind, case in cases:
        for wanted in several(case.expected(*case.inputs)):
            wanted = np.asarray(wanted)
            answer = next(answers)
            if evaluate is interpreted and wanted.dtype != bool:  # no model gives booleans
                dtype = wanted.dtype if wanted.dtype.kind == "f" else np.dtype(np.int32)
                assert answer.dtype == (np.float16 if half and dtype.kind == "f" else dtype), kind
            if half and wanted.dtype.kind == "f":
                wanted = wanted.astype(np.float16)
            exact = (case.exact and evaluate is interpreted) or wanted.dtype.kind != "f"
            relative, absolute = (2**-10, 2**-20) if half else (1e-5, 1e-6)
            np.testing.assert_allclose(
                np.asarray(answer).astype(np.float64),
                wanted.astype(np.float64),
                rtol=0 if exact else relative,
                atol=0 if exact else absolute,
                err_msg=f"{kind} {case.inputs}",
            )
    assert not list(answers)


def covers(cases: Cases, modules: Iterable[ModuleType]) -> None:
    """Check that each operator of some modules has a case in each operator set that knows it.

    `classify` has none: a model that ends in it is made by converting a classifier.
    """
    names = {module.__name__ for module in modules}
    known = set()
    for kind in registry.kinds():
        for opset in OPSETS:
            found = registry.find(kind, opset)
            if found and found.function.__module__ in names and kind != "classify":
                known.add((kind, opset))
    assert cases.covered() == known


def has_floats(inputs: Iterable[Array]) -> bool:
    return any(one.dtype == np.float32 for one in inputs)


def halved(array: Array) -> Array:
    return array.astype(np.float16) if array.dtype == np.float32 else array


def like(value: Any, x: Any) -> Any:
    """A parameter in the type of a value of the program."""
    return np.asarray(value, types.nptype_from_builtin(x.dtype))[()]


def floats(rng: Generator, *shape: int, low: float = -4, high: float = 4) -> Array:
    """Floats, mostly of no round value, that float16 holds; none twice in a small array."""
    shape = shape or sides(rng)
    spread = (np.arange(np.prod(shape)) + rng.random(shape).ravel() * 0.5) / np.prod(shape)
    values = low + (high - low) * rng.permutation(spread)
    return values.reshape(shape).astype(np.float16).clip(low, high).astype(np.float32)


def ints(rng: Generator, *shape: int, low: int = -9, high: int = 9) -> Array:
    """Integers up to `high`."""
    return rng.integers(low, high, shape or sides(rng), np.int32, endpoint=True)


def number(rng: Generator, low: float = -2, high: float = 2) -> float:
    """A parameter that float16 holds."""
    return float(np.float16(rng.uniform(low, high)))


def sides(rng: Generator, rank: int | None = None) -> tuple[int, ...]:
    """A random shape."""
    return tuple(int(side) for side in rng.integers(2, 6, rank or rng.integers(1, 5)))


def flag(rng: Generator) -> bool:
    return bool(rng.integers(2))
