"""Frozen dataclasses from JSON, every value checked against its annotation."""

import dataclasses
import reprlib
import sys
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def record_from_json(kind: type[Record], data: object) -> Record:
    """Build dataclass `kind` from what `json.loads` gave for it.

    Knows str, int, float, None, unions, dict, tuple[T, ...] and nested dataclasses.

    Raises:
        ValueError: a field is missing, unknown or of another type; says which.
    """
    record: Record = _dataclass(kind, data, kind.__name__.lower())
    return record


def _dataclass(kind: Any, data: object, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} must be an object")
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    for name in required:
        if name not in data:
            raise ValueError(f"{where} lacks {name!r}")
    for name in data:
        if name not in hints:
            raise ValueError(f"{where} has an unknown field {name!r}")
    return kind(**{name: _value(hints[name], data[name], f"{where}.{name}") for name in data})


def _value(hint: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, data, where)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        if data is None and type(None) in args:
            return None
        (inner,) = (arg for arg in args if arg is not type(None))
        return _value(inner, data, where)
    if origin is tuple and isinstance(data, list):
        return tuple(_value(args[0], item, where) for item in data)
    if origin is dict and isinstance(data, dict):
        return {key: _value(args[1], item, where) for key, item in data.items()}
    if hint is float and type(data) in (int, float) and abs(data) <= sys.float_info.max:
        return float(data)
    if hint is int and type(data) is int and abs(data) > sys.maxsize:
        raise ValueError(f"{where} is too large")
    if origin is None and hint is not float and type(data) is hint:
        return data
    raise ValueError(f"{where} has a wrong type or is too large: {reprlib.repr(data)}")
