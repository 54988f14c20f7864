"""Results as JSON Lines: reading with the bad line named, adding without losing any."""

import dataclasses
import json
from pathlib import Path

from squeezesam import strict_json
from squeezesam.errors import DataError, OutputError
from squeezesam.files import PathLike, check_place, whole_file
from squeezesam_benchmarks.records import record_from_json
from squeezesam_benchmarks.schema import SCHEMA_VERSION, Result


def read_results(path: PathLike) -> list[Result]:
    """All results of a file, in order.

    Raises:
        DataError: no such file, or a line that is not a result of this schema version.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read results file {path}: {error}") from error
    results = []
    # JSON Lines ends lines at \n alone; splitlines() would cut texts at U+2028 and others too.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                results.append(_parse(line))
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path} line {number}: {error}; mend or delete it") from error
    return results


def _parse(line: str) -> Result:
    data = strict_json.parse(line)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise ValueError(f"not a result of schema version {SCHEMA_VERSION}")
    return record_from_json(Result, data)


class ResultsFile:
    """A file that results are added to; it is whole at any moment at which a run may be cut off.

    A bad place shows when it is opened, before minutes of measuring.

    Raises:
        DataError: the file exists and is not a results file.
        OutputError: the place cannot be written to.
    """

    def __init__(self, path: PathLike) -> None:
        path = Path(path)
        if path.is_dir():
            raise OutputError(f"{path} is a directory; name a file")
        check_place(path.parent, ("*",))
        self.path = path
        self.lines = [_line(result) for result in read_results(path)] if path.is_file() else []

    def add(self, result: Result) -> None:
        """Keep one more.

        Raises:
            OutputError: the place can no longer be written to.
        """
        self.lines.append(_line(result))
        with whole_file(self.path) as partial:
            partial.write_text("".join(self.lines), encoding="utf-8")


def _line(result: Result) -> str:
    return f"{json.dumps(dataclasses.asdict(result))}\n"
