"""Frozen dataclasses from JSON, every value checked against its annotation."""

from typing import TypeVar

from squeezesam import strict_json

Record = TypeVar("Record")


def record_from_json(kind: type[Record], data: object) -> Record:
    """Build dataclass `kind` from what `strict_json.parse` gave for it; defaults may be left out.

    Raises:
        ValueError: a field is missing, unknown or of another type; says which.
    """
    return strict_json.decode(kind, data, kind.__name__.lower(), defaults=True)
