"""JSON into frozen dataclasses, refusing whatever does not fit exactly."""

import dataclasses
import json
import math
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class JsonError(ValueError):
    """Text that is not JSON, or a value that does not fit its type; the message says where."""


def parse(text: str) -> Any:
    """Parse JSON proper, without Python's NaN and Infinity.

    Raises:
        JsonError: it is something else.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise JsonError(f"not JSON: {error}") from error


def decode(kind: type[T], value: object, where: str = "it") -> T:
    """Build a value of type `kind`, every field of which must be there and no other.

    Args:
        kind: str, int, float, bool, a dataclass, or `tuple[X, ...]`, `dict[str, X]`, `X | None`
            and literals of such.
        value: what `parse` gave.
        where: name of the value in the error.

    Raises:
        JsonError: the value does not fit.
    """
    return _decode(kind, value, where)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _decode(kind: Any, value: object, where: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_decode(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {key: _decode(args[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is Literal and value in args:
        return value
    if origin in (Union, UnionType):
        present = next(arg for arg in args if arg is not NoneType)
        return None if value is None else _decode(present, value, where)
    if kind is float and type(value) in (int, float) and math.isfinite(value):  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    if kind in (str, int, bool) and type(value) is kind:
        return value
    raise JsonError(f"{where} is {json.dumps(value)[:60]}, not {getattr(kind, '__name__', kind)}")


def _decode_dataclass(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise JsonError(f"{where} is not an object")
    hints = get_type_hints(kind)
    if missing := hints.keys() - value.keys():
        raise JsonError(f"{where} lacks {', '.join(sorted(missing))}")
    if unknown := value.keys() - hints.keys():
        raise JsonError(f"{where} has unknown {', '.join(sorted(unknown))}")
    return kind(
        **{name: _decode(hint, value[name], f"{where}.{name}") for name, hint in hints.items()}
    )
