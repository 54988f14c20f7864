"""Peak memory of every process."""

from collections.abc import Sequence

from squeezesam_benchmarks.metrics import MEGA
from squeezesam_benchmarks.page.chart import Chart, row_names
from squeezesam_benchmarks.page.lines import Line, Lines
from squeezesam_benchmarks.rows import Row


def memory(rows: Sequence[Row]) -> list[Chart]:
    """A chart for each way of counting, since those do not compare."""
    kinds = sorted({str(one.memory_kind) for row in rows for one in row.processes})
    charts = (_of_kind(rows, kind) for kind in kinds)
    return [chart for chart in charts if chart]


def _of_kind(rows: Sequence[Row], kind: str) -> Chart | None:
    peaks = {index: _peaks_mb(row, kind) for index, row in enumerate(rows)}
    known = {index: values for index, values in peaks.items() if values}
    if not known:
        return None
    names = row_names([rows[index] for index in known])
    highest = [max(values) for values in known.values()]
    lines = Lines(
        [Line(name, f"{peak:.0f} MB") for name, peak in zip(names, highest, strict=True)],
        f"peak memory ({kind}), MB",
    )
    lines.scale_from_zero(max(highest))
    for index, values in enumerate(known.values()):
        lines.bar(index, 0, max(values), "series-4")
        lines.ticks(values, *lines.track(index), "ink")
    return Chart(
        "Peak memory",
        f"Of the whole process, runtime and interpreter included, counted as {kind}. The bar is "
        "the largest, a line is one process.",
        lines.figure,
    )


def _peaks_mb(row: Row, kind: str) -> list[float]:
    return [
        one.peak_memory_bytes / MEGA
        for one in row.processes
        if one.peak_memory_bytes is not None and str(one.memory_kind) == kind
    ]
