"""The table of operators: kind and operator set -> function.

A function has an operator's own parameter names and defaults, as coremltools documents them. Its
annotations say what it takes: `Tensor` (computed in float32, int32 or bool), `Tensors` for a list,
`int`, `float`, `bool`, `str`, `Ints`, `Bools`, `Strings`, or `Any` for the value as it is.
"""

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from squeezesam_export.mlprogram.elements import widened
from squeezesam_export.mlprogram.program import Value

Tensors = tuple[Tensor, ...]
Ints = tuple[int, ...]
Bools = tuple[bool, ...]
Strings = tuple[str, ...]
Result = Any
"""A tensor, or a tuple of tensors (strings, dictionaries) for several outputs."""

NEWEST = 9
"""The operator set of iOS 26, which has the operators of iOS 18."""


class UnsupportedError(Exception):
    """An operator is asked for something that this interpreter lacks."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operator."""

    annotation: Any
    required: bool


@dataclass(frozen=True)
class Implementation:
    """One operator in a range of operator sets."""

    function: Callable[..., Result]
    parameters: dict[str, Parameter]
    since: int
    until: int

    def arguments(self, operands: dict[str, tuple[Value, ...]]) -> dict[str, Any]:
        """Values as the function takes them.

        Raises:
            UnsupportedError: an unknown parameter, or a required one is absent.
        """
        unknown = operands.keys() - self.parameters.keys()
        if unknown:
            raise UnsupportedError(f"parameter {', '.join(sorted(unknown))} is unknown")
        for name, parameter in self.parameters.items():
            if parameter.required and name not in operands:
                raise UnsupportedError(f"parameter {name} is absent")
        return {
            name: converted(values, self.parameters[name].annotation)
            for name, values in operands.items()
        }


_TABLE: dict[str, list[Implementation]] = {}


def op(
    *kinds: str, since: int = 5, until: int = NEWEST
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a function as the operators of some kinds in operator sets `since` to `until`."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        hints = typing.get_type_hints(function)
        parameters = {
            name: Parameter(hints[name], parameter.default is inspect.Parameter.empty)
            for name, parameter in inspect.signature(function).parameters.items()
        }
        for kind in kinds:
            versions = _TABLE.setdefault(kind, [])
            assert all(since > one.until or until < one.since for one in versions), kind
            versions.append(Implementation(function, parameters, since, until))
        return function

    return register


def find(kind: str, opset: int) -> Implementation | None:
    """The operator of a kind in an operator set; None where there is none."""
    for implementation in _TABLE.get(kind, ()):
        if implementation.since <= opset <= implementation.until:
            return implementation
    return None


def kinds() -> list[str]:
    """All kinds that there are."""
    return sorted(_TABLE)


def converted(values: Sequence[Value], annotation: Any) -> Any:
    """Values of one parameter as an annotation wants them."""
    if annotation == Tensors:
        return tuple(widened(as_tensor(value)) for value in values)
    (value,) = values
    arguments = typing.get_args(annotation)
    if type(None) in arguments:
        (annotation,) = (one for one in arguments if one is not type(None))
    if annotation is Any:
        return value
    if annotation is Tensor:
        return widened(as_tensor(value))
    if annotation in (int, float, bool):
        return annotation(as_tensor(value).item())
    if annotation in (Ints, Bools):
        return tuple(as_tensor(value).flatten().tolist())
    assert annotation in (str, Strings), annotation
    if isinstance(value, str) and annotation == Strings:
        return (value,)
    return value


def as_tensor(value: Value) -> Tensor:
    """A value that must be a tensor.

    Raises:
        UnsupportedError: it is none.
    """
    if not isinstance(value, torch.Tensor):
        raise UnsupportedError(f"a {type(value).__name__} stands where a tensor is needed")
    return value


CHANNELS = 1
"""The axis of channels in [B, C, *D]."""


def along(parameter: Tensor, data: Tensor, axis: int | None) -> Tensor:
    """A scalar, or a vector along an axis, in a shape that is broadcast over the data."""
    if axis is None or parameter.ndim == 0:
        return parameter
    shape = [1] * data.ndim
    shape[axis] = -1
    return parameter.reshape(shape)
