"""JSON into frozen dataclasses, refusing whatever does not fit exactly."""

import dataclasses
import json
import math
import reprlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from squeezesam.files import read_bytes

T = TypeVar("T")

MAX_FILE_BYTES = 64_000_000
MAX_VALUE_BYTES = 300_000_000
"""Memory that parsed values may take; `{},` is three bytes of text and seventy of memory."""

CONTAINER_BYTES = 72
ITEM_BYTES = 40
MOST_SHOWN = 200
"""Characters of names in a message."""

WHOLE_NUMBERS = 2**63
"""Below this in size, so that numpy and PyTorch take them."""


class JsonError(ValueError):
    """Text that is not JSON, or a value that does not fit its type; the message says where."""


def read(path: Path, limit: int = MAX_FILE_BYTES) -> Any:
    """Parse a file.

    Args:
        path: path of a regular file.
        limit: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger than the limit.
        JsonError: it is something else than JSON in UTF-8.
    """
    return parse(read_bytes(path, limit))


def parse(text: str | bytes) -> Any:
    """Parse JSON proper, without Python's NaN and Infinity, and without a name twice in an object.

    Raises:
        JsonError: it is something else, nested too deeply, or too much to be held in memory.
    """
    try:
        words = text if isinstance(text, str) else text.decode("utf-8-sig")
        items = CONTAINER_BYTES * (words.count("{") + words.count("["))
        if items + ITEM_BYTES * words.count(",") > MAX_VALUE_BYTES:
            raise ValueError("it has too many values")
        return json.loads(words, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError as error:
        raise JsonError("not JSON: it is nested too deeply") from error
    except ValueError as error:
        raise JsonError(f"not JSON: {error}") from error


def decode(
    kind: Callable[..., T], value: object, where: str = "it", *, defaults: bool = False
) -> T:
    """Build a value of type `kind`.

    Args:
        kind: str, int, float, bool, a dataclass, or `tuple[X, ...]`, `list[X]`, `dict[str, X]`,
            `X | None` and literals of such, or `object`, which takes any value as it is. A
            dataclass may raise a ValueError in `__post_init__`.
        value: what `parse` gave.
        where: name of the value in the error.
        defaults: whether fields of dataclasses that have a default may be absent. Otherwise every
            field must be there; there may never be any other.

    Raises:
        JsonError: the value does not fit.
    """
    return _Decoder(defaults).value(kind, value, where)


def shown(value: object) -> str:
    """A value for a message, cut short."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits.
        return "a huge number"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which each reader takes the same values, whether it keeps the first or last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name, count in times.items() if count > 1)
        raise ValueError(f"{shown(twice)} is there twice in one object")
    return found


@dataclasses.dataclass(frozen=True)
class _Decoder:
    defaults: bool

    def value(self, kind: Any, value: object, where: str) -> Any:
        if kind is float and _is_finite(value):
            return float(value)  # type: ignore[arg-type]
        if kind is int and type(value) is int and abs(value) < WHOLE_NUMBERS:
            return value
        if kind in (str, bool) and type(value) is kind:
            return value
        if kind is object:
            return value
        origin, args = get_origin(kind), get_args(kind)
        if dataclasses.is_dataclass(kind):
            return self.record(kind, value, where)
        if origin in (tuple, list) and isinstance(value, list):
            return origin(
                self.value(args[0], item, f"{where}[{i}]") for i, item in enumerate(value)
            )
        if origin is dict and isinstance(value, dict):
            return {key: self.value(args[1], item, f"{where}.{key}") for key, item in value.items()}
        if origin is Literal and any(type(value) is type(arg) and value == arg for arg in args):
            return value
        if origin in (Union, UnionType):
            present = next(arg for arg in args if arg is not NoneType)
            return None if value is None else self.value(present, value, where)
        raise JsonError(f"{where} is {shown(value)}, not {getattr(kind, '__name__', kind)}")

    def record(self, kind: Any, value: object, where: str) -> Any:
        if not isinstance(value, dict):
            raise JsonError(f"{where} is not an object")
        names, optional = _fields_of(kind)
        missing = names.keys() - value.keys()
        if self.defaults:
            missing -= optional
        if missing:
            raise JsonError(f"{where} lacks {', '.join(sorted(missing))}")
        if unknown := value.keys() - names.keys():
            raise JsonError(f"{where} has unknown {', '.join(sorted(unknown))[:MOST_SHOWN]}")
        fields = {
            name: self.value(hint, value[name], f"{where}.{name}")
            for name, hint in names.items()
            if name in value
        }
        try:
            return kind(**fields)
        except JsonError:
            raise
        except ValueError as error:
            raise JsonError(f"{where}: {error}") from error


def _is_finite(value: object) -> bool:
    """Whether a value is a number that float holds."""
    if type(value) is int:
        return abs(value) < WHOLE_NUMBERS
    return type(value) is float and math.isfinite(value)


@cache
def _fields_of(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Types of a dataclass's fields by name, and the names of those that have a default."""
    hints, fields = get_type_hints(kind), dataclasses.fields(kind)
    names = {field.name: hints[field.name] for field in fields if field.init}
    return names, frozenset(field.name for field in fields if _has_default(field))


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing
