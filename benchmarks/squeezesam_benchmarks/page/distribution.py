"""Every warm sample of every row."""

from collections.abc import Sequence

import numpy as np

from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.page.chart import Chart, row_names
from squeezesam_benchmarks.page.lines import TRACK_HEIGHT, Line, Lines
from squeezesam_benchmarks.rows import Row
from squeezesam_benchmarks.statistics import Samples

MOST_DRAWN = 250
"""Samples of a row that are drawn; thousands would be one grey bar of many bytes."""


def distribution(rows: Sequence[Row]) -> Chart | None:
    """A line for each sample, in a lane for each process, over a box of the quartiles."""
    timed = [row for row in rows if any(row.samples_ms())]
    if not timed:
        return None
    medians = [statistics.percentile(row.samples_ms(), 50) for row in timed]
    words = [
        Line(name, f"{value:.2f} ms") for name, value in zip(row_names(timed), medians, strict=True)
    ]
    lines = Lines(words, "warm inference, ms")
    everything = [sample for row in timed for process in row.samples_ms() for sample in process]
    lines.scale(min(everything), max(everything))
    for index, (row, median) in enumerate(zip(timed, medians, strict=True)):
        top, bottom = lines.track(index)
        quartiles = [statistics.percentile(row.samples_ms(), percent) for percent in (25, 75)]
        lines.band(quartiles[0], quartiles[1], top, bottom, "series-1")
        processes = row.samples_ms()
        lane = TRACK_HEIGHT / len(processes)
        for number, process in enumerate(processes):
            drawn = thinned(process, max(2, MOST_DRAWN // len(processes)))
            lines.ticks(drawn, top + lane * number, top + lane * (number + 1), "series-1")
        lines.mark(median, top, bottom)
    return Chart(
        "Latency of every inference",
        "A thin line is one warm inference, a lane one process, the first on top; the shaded box "
        "holds the middle half, the thick line is the median. " + _said_of_thinning(timed),
        lines.figure,
    )


def thinned(samples: Samples, most: int) -> list[float]:
    """At most so many samples: the smallest, the largest, and evenly spaced ranks between."""
    ordered = sorted(samples)
    if len(ordered) <= most:
        return ordered
    return [ordered[round(rank)] for rank in np.linspace(0, len(ordered) - 1, most)]


def _said_of_thinning(rows: Sequence[Row]) -> str:
    most = max(sum(map(len, row.samples_ms())) for row in rows)
    if most <= MOST_DRAWN:
        return "Every sample is drawn."
    return (
        f"Of rows with more than about {MOST_DRAWN} samples (up to {most} here) evenly spaced "
        "ranks are drawn, the smallest and largest of each process among them; box and median use "
        "all."
    )
