"""The same artifact on several devices."""

from collections.abc import Sequence

from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.page.chart import Chart, row_names
from squeezesam_benchmarks.page.lines import TRACK_HEIGHT, Line, Lines
from squeezesam_benchmarks.page.svg import SERIES
from squeezesam_benchmarks.rows import Row, rows_of_run
from squeezesam_benchmarks.run_facts import device_name
from squeezesam_benchmarks.schema import Result

OTHER = "muted"
"""Colour of the devices beyond as many as there are colours."""


def devices(runs: Sequence[Sequence[Result]]) -> Chart | None:
    """Medians of what was timed on several devices; a run each, so none is a ratio's half."""
    timed: dict[tuple[str | int | None, ...], list[tuple[str, Row]]] = {}
    for run in runs:
        for row in rows_of_run(run):
            if any(row.samples_ms()):
                one = row.processes[0]  # its runtime's version may differ
                key = (row.artifact.name, one.runtime, one.backend, row.threads)
                timed.setdefault(key, []).append((device_name(run[0].device), row))
    shared = [found for found in timed.values() if len({name for name, _ in found}) > 1]
    if not shared:
        return None
    estimates = [[statistics.median(row.samples_ms()) for _, row in found] for found in shared]
    every = [one for each in estimates for one in each]
    names = sorted({name for found in shared for name, _ in found})
    colours = {name: SERIES[i] if i < len(SERIES) else OTHER for i, name in enumerate(names)}
    words = [Line(name) for name in row_names([found[0][1] for found in shared])]
    lines = Lines(words, "median warm inference, ms")
    lines.scale(min(one.low for one in every), max(one.high for one in every))
    for index, (found, medians) in enumerate(zip(shared, estimates, strict=True)):
        top, _ = lines.track(index)
        lane = TRACK_HEIGHT / len(found)
        for number, ((device, _), median) in enumerate(zip(found, medians, strict=True)):
            y = top + lane * (number + 0.5)
            lines.interval(y, median.low, median.value, median.high, colours[device])
    return Chart(
        "Device against device",
        "Medians with their 95 % intervals, a point for each run. Devices were not interleaved; "
        "a difference holds that of the moments as well.",
        lines.figure,
        tuple((colour, name) for name, colour in colours.items()),
    )
