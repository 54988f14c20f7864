"""Results as JSON Lines: reading with the bad line named, adding without losing any."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from squeezesam.errors import DataError
from squeezesam.files import whole_file
from squeezesam_benchmarks.records import record_from_json
from squeezesam_benchmarks.schema import SCHEMA_VERSION, Result


def read_results(path: Path) -> list[Result]:
    """All results of a file, in order.

    Raises:
        DataError: no such file, or a line that is not a result of this schema version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read results file {path}: {error}") from error
    results = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                results.append(_parse(line))
            except ValueError as error:
                raise DataError(f"{path} line {number}: {error}; mend or delete it") from error
    return results


def _parse(line: str) -> Result:
    data = json.loads(line)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise ValueError(f"not a result of schema version {SCHEMA_VERSION}")
    return record_from_json(Result, data)


@contextmanager
def added_results(path: Path) -> Iterator[list[Result]]:
    """A list whose results are added to the file at the end, even when the block is cut short.

    The file is opened first, so that a bad place shows before minutes of measuring.

    Raises:
        DataError: the file exists and is not a results file.
        OutputError: the place cannot be written to.
    """
    results = read_results(path) if path.is_file() else []
    known = len(results)
    failure: BaseException | None = None
    with whole_file(path) as partial:
        try:
            yield results
        except BaseException as error:
            if len(results) == known:
                raise
            failure = error
        lines = (json.dumps(dataclasses.asdict(result)) for result in results)
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if failure is not None:
        raise failure
