"""Numbers as the text of cells, and tables as columns that each know their cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.rows import ResultRow
from squeezesam_benchmarks.results.statistics import Estimate

UNKNOWN = "-"


def middle(samples: Sequence[float | None]) -> str:
    """Median of what is known, one sample a process."""
    known = [sample for sample in samples if sample is not None]
    return f"{statistics.percentile([known], 50):.1f}" if known else UNKNOWN


def operators(counts: dict[str, int] | None) -> str:
    """Number of operators with their names, the most frequent first."""
    if counts is None:
        return UNKNOWN
    names = sorted(counts, key=lambda name: (-counts[name], name))
    listed = ", ".join(f"{counts[name]} {name}" for name in names)
    return f"{sum(counts.values())} ({listed})" if listed else "0"


def with_interval(estimate: Estimate, digits: int = 1) -> str:
    """Such as `12.3 [11.9, 12.8]`."""
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


@dataclass(frozen=True)
class Column:
    """A column with the text of each row's cell."""

    title: str
    cell: Callable[[ResultRow], str]


@dataclass(frozen=True)
class ReportTable:
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


def filled(table: ReportTable, rows: Sequence[ResultRow]) -> FilledTable:
    """The texts of a table, without rows that nothing is known for."""
    lines = []
    for row in rows:
        cells = [column.cell(row) for column in table.columns]
        if any(cell != UNKNOWN for cell in cells):
            lines.append(tuple(column.cell(row) for column in NAMES) + tuple(cells))
    header = tuple(column.title for column in (*NAMES, *table.columns))
    return FilledTable(table.title, table.about, header, tuple(lines), len(NAMES))
