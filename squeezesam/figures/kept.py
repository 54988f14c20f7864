"""Results that are kept with their inputs, so that only what has changed is computed again."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from squeezesam import strict_json
from squeezesam.errors import DataError
from squeezesam.files import check_place, content_hash, whole_directory

INPUTS_NAME = "inputs.json"

Inputs = dict[str, Any]
"""Everything that results depend on, as JSON holds it."""


Result = TypeVar("Result")


def keep(
    place: Path,
    inputs: Inputs,
    compute: Callable[[Path], None],
    read: Callable[[Path], Result],
) -> Result:
    """The results in a file, computed unless they were kept for the same inputs.

    Args:
        place: path of the file; its folder belongs to this computation and is replaced as a whole.
        inputs: what the results depend on.
        compute: writes the results to a path.
        read: takes them from a path, with a DataError where the file is damaged.

    Raises:
        OutputError: the folder cannot be written, or holds files that no such run left there.
    """
    folder = place.parent
    if kept_inputs(folder) == inputs:
        with suppress(DataError):  # Damaged or gone: compute again.
            return read(place)
    check_place(folder, (INPUTS_NAME, place.name))
    with whole_directory(folder) as partial:
        compute(partial / place.name)
        text = json.dumps(inputs, indent=1)
        (partial / INPUTS_NAME).write_text(f"{text}\n", encoding="utf-8")
    return read(place)


def kept_inputs(folder: Path) -> Inputs | None:
    """What the results in a folder depend on; None if that cannot be read."""
    try:
        found: Inputs = strict_json.read(folder / INPUTS_NAME)
    except (OSError, ValueError):
        return None
    return found


def folder_hash(folder: Path) -> str:
    """SHA-256 of the names and contents of all files in a folder and below.

    Raises:
        DataError: a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(content_hash(path).digest())
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}; restore it") from error
    return digest.hexdigest()
