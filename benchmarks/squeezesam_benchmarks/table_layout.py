"""Tables of a report as columns that each know their cells, before they become markdown or HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from squeezesam_benchmarks.cells import UNKNOWN
from squeezesam_benchmarks.rows import Row


@dataclass(frozen=True)
class Column:
    """A column with the text of each row's cell."""

    title: str
    cell: Callable[[Row], str]


@dataclass(frozen=True)
class Table:
    """Columns after those that name the row.

    Attributes:
        about: what the numbers are, in a sentence or two.
    """

    title: str
    about: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class FilledTable:
    """A table as text.

    Attributes:
        cells: a line for each row.
        naming_columns: how many at the left say which row it is: artifact, runtime and threads.
    """

    title: str
    about: str
    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    naming_columns: int


NAMES = (
    Column("artifact", lambda row: row.artifact.name),
    Column("runtime", lambda row: row.runtime),
    Column("threads", lambda row: UNKNOWN if row.threads is None else str(row.threads)),
)


def filled(table: Table, rows: Sequence[Row]) -> FilledTable:
    """The texts of a table, without rows that nothing is known for."""
    lines = []
    for row in rows:
        cells = [column.cell(row) for column in table.columns]
        if any(cell != UNKNOWN for cell in cells):
            lines.append(tuple(column.cell(row) for column in NAMES) + tuple(cells))
    header = tuple(column.title for column in (*NAMES, *table.columns))
    return FilledTable(table.title, table.about, header, tuple(lines), len(NAMES))
