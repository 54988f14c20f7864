"""Where the time of a whole click goes."""

from collections.abc import Sequence

import numpy as np

from squeezesam_benchmarks.page.chart import Chart, row_names
from squeezesam_benchmarks.page.lines import Line, Lines
from squeezesam_benchmarks.rows import Row

PARTS = {
    "preprocess_ms": ("series-2", "preprocess"),
    "model_ms": ("series-1", "model"),
    "postprocess_ms": ("series-3", "postprocess"),
}


def pipeline(rows: Sequence[Row]) -> Chart | None:
    """Stacked bars of the three parts of the whole pipeline."""
    timed = [row for row in rows if any(one.pipeline_samples for one in row.processes)]
    if not timed:
        return None
    parts = [_median_parts(row) for row in timed]
    totals = [sum(each.values()) for each in parts]
    words = [
        Line(name, f"{total:.1f} ms") for name, total in zip(row_names(timed), totals, strict=True)
    ]
    lines = Lines(words, "one click on one photo, ms")
    lines.scale_from_zero(max(totals))
    for index, each in enumerate(parts):
        left = 0.0
        for part, duration in each.items():
            lines.bar(index, left, left + duration, PARTS[part][0])
            left += duration
    return Chart(
        "Whole pipeline",
        "From a photo's pixels to a mask of its size: the median of each part, stacked. Their sum "
        "is near the median of the total in the table, not equal to it.",
        lines.figure,
        tuple(PARTS.values()),
    )


def _median_parts(row: Row) -> dict[str, float]:
    runs = [run for one in row.processes for run in one.pipeline_samples]
    return {part: float(np.median([getattr(run, part) for run in runs])) for part in PARTS}
