"""What a chart is to the page, and how its rows are called."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from squeezesam_benchmarks.rows import Row


@dataclass(frozen=True)
class Chart:
    """A figure with its words.

    Attributes:
        title: what it shows.
        caption: how to read it, and what it does not say.
        figure: of matplotlib.
        key: colours, as names in `svg.COLOURS`, with what they mean.
    """

    title: str
    caption: str
    figure: Any
    key: tuple[tuple[str, str], ...] = ()


def row_names(rows: Sequence[Row]) -> list[str]:
    """Artifact and threads of each row, and the backend where those do not tell rows apart."""
    short = [f"{row.artifact.name}{threads_text(row)}" for row in rows]
    times = Counter(short)
    return [
        name if times[name] == 1 else f"{name}, {row.processes[0].backend}"
        for name, row in zip(short, rows, strict=True)
    ]


def threads_text(row: Row) -> str:
    """Such as `, 2 threads`; empty where the runtime takes no such number."""
    if row.threads is None:
        return ""
    return f", {row.threads} thread{'s' if row.threads > 1 else ''}"
