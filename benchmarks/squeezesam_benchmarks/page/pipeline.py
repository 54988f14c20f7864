"""Where the time of a whole click goes."""

from collections.abc import Sequence
from statistics import median

from squeezesam_benchmarks.metrics import total_ms
from squeezesam_benchmarks.page.chart import Chart, row_names
from squeezesam_benchmarks.page.lines import Line, Lines
from squeezesam_benchmarks.rows import Row
from squeezesam_benchmarks.schema import PipelineSample

PARTS = {
    "decode_ms": ("series-4", "decode"),
    "preprocess_ms": ("series-2", "preprocess"),
    "detector_ms": ("series-5", "detector"),
    "clicks_ms": ("series-6", "clicks"),
    "model_ms": ("series-1", "model"),
    "postprocess_ms": ("series-3", "postprocess"),
}
"""Colour and name of what `metrics.PIPELINE_PARTS` lists."""


def pipeline(rows: Sequence[Row]) -> Chart | None:
    """Stacked bars of the parts of the whole pipeline."""
    timed = [row for row in rows if _runs(row)]
    if not timed:
        return None
    parts = [_median_parts(row) for row in timed]
    words = [
        Line(name, f"{_median_total(row):.2f} ms")
        for name, row in zip(row_names(timed), timed, strict=True)
    ]
    lines = Lines(words, "one mask of one photo, ms")
    lines.scale_from_zero(max(sum(each.values()) for each in parts))
    for index, each in enumerate(parts):
        left = 0.0
        for part, duration in each.items():
            lines.bar(index, left, left + duration, PARTS[part][0])
            left += duration
    return Chart(
        "Whole pipeline",
        "From a photo's pixels to a mask of its size, or from its file where decoding is shown: "
        "the median of each part, stacked. At the right the median of the total, which is near "
        "their sum and not equal to it.",
        lines.figure,
        tuple(look for part, look in PARTS.items() if any(part in each for each in parts)),
    )


def _runs(row: Row) -> list[PipelineSample]:
    return [run for one in row.processes for run in one.pipeline_samples]


def _median_parts(row: Row) -> dict[str, float]:
    samples = {part: [getattr(run, part) for run in _runs(row)] for part in PARTS}
    return {part: median(values) for part, values in samples.items() if None not in values}


def _median_total(row: Row) -> float:
    return median(total_ms(run) for run in _runs(row))
