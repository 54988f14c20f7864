"""A large annotation file taken apart without building the objects of all its numbers.

JSON becomes twenty times as large in Python's objects. So only one element of an array is built at
a time, and what is kept of it is its text.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from squeezesam.data.annotation_json import MAX_RECORD_BYTES
from squeezesam.errors import DataError
from squeezesam.files import read_bytes

MAX_FILE_BYTES = 2_000_000_000
MAX_DEPTH = 32
"""Nesting of an element; COCO's polygons need four."""

SPACE = re.compile(r"[ \t\n\r]*")
PIECE = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
SCALAR = re.compile(r"[^\s\[\]{},:\"]+")

Taker = Callable[[Any, str], None]
"""Is given an element of an array, built, and as text."""


def read_text(path: Path) -> str:
    """Text of a JSON file in any Unicode encoding, with or without a byte order mark.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text.
    """
    content = read_bytes(path, MAX_FILE_BYTES)
    return content.decode(json.detect_encoding(content))


def take_elements(text: str, takers: Mapping[str, Taker]) -> set[str]:
    """Give the elements of some arrays of a JSON object to those who want them.

    Args:
        text: a JSON object; whatever else stands in it is passed over.
        takers: by the key of the array.

    Returns:
        The keys that were there.

    Raises:
        DataError: a key is there twice, or an element is too large or nested too deeply.
        ValueError: the text is not such an object.
    """
    found: set[str] = set()
    at = _after(text, 0, "{")
    while text[at : at + 1] != "}":
        key_end = _end(text, at)
        key = json.loads(text[at:key_end])
        at = _after(text, key_end, ":")
        if key not in takers:
            at = _next(text, _end(text, at), "}")
            continue
        if key in found:
            raise DataError(f"{key!r} is there twice; merge the two")
        found.add(key)
        at = _after(text, at, "[")
        while text[at : at + 1] != "]":
            end = _end(text, at)
            if end - at > MAX_RECORD_BYTES:
                raise DataError(f"an element of {key!r} has more than {MAX_RECORD_BYTES} bytes")
            element = text[at:end]
            takers[key](json.loads(element), element)
            at = _next(text, end, "]")
        at = _next(text, at + 1, "}")
    if SPACE.fullmatch(text, at + 1) is None:
        raise ValueError(f"something follows its end at character {at + 1}")
    return found


def _after(text: str, at: int, sign: str) -> int:
    """Place of what follows a sign that must stand here."""
    at = _skip_space(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"{sign!r} is missing at character {at}")
    return _skip_space(text, at + 1)


def _next(text: str, at: int, closing: str) -> int:
    """Place of the next element, or of the closing bracket."""
    at = _skip_space(text, at)
    if text[at : at + 1] == closing:
        return at
    at = _after(text, at, ",")
    if text[at : at + 1] == closing:
        raise ValueError(f"nothing follows the comma at character {at}")
    return at


def _skip_space(text: str, at: int) -> int:
    space = SPACE.match(text, at)
    return at if space is None else space.end()


def _end(text: str, at: int) -> int:
    """Place after the value that begins here."""
    if text[at : at + 1] not in ("[", "{", '"'):
        scalar = SCALAR.match(text, at)
        if scalar is None:
            raise ValueError(f"a value is missing at character {at}")
        return scalar.end()
    depth = 0
    for piece in PIECE.finditer(text, at):
        sign = text[piece.start()]
        depth += (sign in "[{") - (sign in "]}")
        if depth > MAX_DEPTH:
            raise DataError("it is nested too deeply")
        if depth == 0:
            return piece.end()
    raise ValueError(f"the value at character {at} has no end")
