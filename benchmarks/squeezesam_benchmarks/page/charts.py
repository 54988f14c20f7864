"""The charts of the page, each a question that a reader asks."""

import statistics as of_numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from squeezesam_benchmarks.page.drawing import (
    BOTTOM,
    COLOURS,
    FONT,
    GAP,
    LEFT,
    NAME_HEIGHT,
    RIGHT,
    SERIES,
    TRACK_HEIGHT,
    WIDTH,
    Chart,
    Line,
    Lines,
    add_axes,
    new_figure,
    row_names,
    shortened,
    threads_text,
    write,
)
from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.formatting import with_interval
from squeezesam_benchmarks.results.metrics import MEGA, total_ms
from squeezesam_benchmarks.results.records import PipelineSample, Result
from squeezesam_benchmarks.results.rows import (
    ResultRow,
    baseline_of,
    device_name,
    rows_of_run,
    speed_up,
)
from squeezesam_benchmarks.results.statistics import MS_PER_S, Samples, sustained_of


def alternatives(rows: Sequence[ResultRow], baseline: str | None) -> Chart | None:
    """A group for each runtime and number of threads with several artifacts, fastest first.

    Args:
        rows: of one run.
        baseline: artifact or variant to give the ratio to; None for fp32 of the same variant.
    """
    groups: dict[tuple[str, int | None], list[ResultRow]] = {}
    for row in rows:
        if any(row.samples_ms()):
            groups.setdefault((row.runtime, row.threads), []).append(row)
    ordered = [sorted(group, key=_median) for group in groups.values() if len(group) > 1]
    if not ordered:
        return None
    estimates = [statistics.median(row.samples_ms()) for group in ordered for row in group]
    words = [
        Line(
            row.artifact.name,
            f"{_median(row):.2f} ms{_ratio(row, group, baseline)}",
            f"{row.runtime}{threads_text(row)}" if row is group[0] else None,
        )
        for group in ordered
        for row in group
    ]
    lines = Lines(words, "median warm inference, ms")
    lines.scale(min(one.low for one in estimates), max(one.high for one in estimates))
    for index, one in enumerate(estimates):
        middle = sum(lines.track(index)) / 2
        lines.interval(middle, one.low, one.value, one.high, "series-1")
    return Chart(
        "Artifact against artifact",
        "Medians with their 95 % intervals. A number with an x: how many times faster than "
        f"{baseline or 'fp32 of the same variant'} with the same runtime and threads. Its interval "
        "is paired by rounds, and may be clear where the intervals of the medians overlap.",
        lines.figure,
    )


def _median(row: ResultRow) -> float:
    return statistics.median(row.samples_ms()).value


def _ratio(row: ResultRow, group: Sequence[ResultRow], baseline: str | None) -> str:
    other = baseline_of(row, group, baseline) if baseline else _fp32_of(row, group)
    if other is None or other is row:
        return ""
    ratio = speed_up(row, other)
    return f", {with_interval(ratio, 2)}x" if ratio else ""


def _fp32_of(row: ResultRow, group: Sequence[ResultRow]) -> ResultRow | None:
    same_variant = (
        other
        for other in group
        if other.artifact.precision == "fp32" and other.artifact.variant == row.artifact.variant
    )
    return next(same_variant, None)


OTHER = "muted"
"""Colour of the devices beyond as many as there are colours."""


def devices(runs: Sequence[Sequence[Result]]) -> Chart | None:
    """Medians of what was timed on several devices; a run each, so none is a ratio's half."""
    timed: dict[tuple[str | int | None, ...], list[tuple[str, ResultRow]]] = {}
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


MOST_DRAWN = 250
"""Samples of a row that are drawn; thousands would be one grey bar of many bytes."""


def distribution(rows: Sequence[ResultRow]) -> Chart | None:
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


def _said_of_thinning(rows: Sequence[ResultRow]) -> str:
    most = max(sum(map(len, row.samples_ms())) for row in rows)
    if most <= MOST_DRAWN:
        return "Every sample is drawn."
    return (
        f"Of rows with more than about {MOST_DRAWN} samples (up to {most} here) evenly spaced "
        "ranks are drawn, the smallest and largest of each process among them; box and median use "
        "all."
    )


CURVE_HEIGHT = 70
NUMBERS_WIDTH = 40
"""Room for the milliseconds at the left."""

NAME_X = (LEFT - NUMBERS_WIDTH) / (WIDTH - NUMBERS_WIDTH - RIGHT)
"""Left end of the names, in widths of a panel from its left."""

STEPS = 120
"""Points of a curve at most; each is the median of the inferences that began in its step."""


def endurance(rows: Sequence[ResultRow]) -> Chart | None:
    """A panel for each row, a curve for each process, on a common time axis."""
    timed = [row for row in rows if any(_sustained_runs(row))]
    if not timed:
        return None
    panel = NAME_HEIGHT + CURVE_HEIGHT + GAP
    figure = new_figure(panel * len(timed) + BOTTOM)
    longest_s = max(sum(run) for row in timed for run in _sustained_runs(row)) / MS_PER_S
    for index, (row, name) in enumerate(zip(timed, row_names(timed), strict=True)):
        axes = add_axes(figure, panel * index + NAME_HEIGHT, CURVE_HEIGHT, NUMBERS_WIDTH)
        axes.set_xlim(0, longest_s)
        axes.locator_params(axis="x", nbins=6)
        axes.tick_params(labelbottom=row is timed[-1])
        ends = _ends(row)
        for x, text, side in ((NAME_X, shortened(name, ends), "left"), (1, ends, "right")):
            write(axes, x, 1.08, text, side, transform=axes.transAxes)
        _draw(axes, row)
    axes.set_xlabel("s without a pause", fontsize=FONT, color=COLOURS["muted"], labelpad=2)
    return Chart(
        "Sustained",
        f"Milliseconds of an inference over time, a curve for each process; a point is the median "
        f"of up to {longest_s / STEPS:.2g} s. At the right, medians of the first and the last "
        "30 s, or of both halves of a shorter run.",
        figure,
    )


def _sustained_runs(row: ResultRow) -> list[tuple[float, ...]]:
    return [one.sustained_samples_ms for one in row.processes if one.sustained_samples_ms]


def _draw(axes: Any, row: ResultRow) -> None:
    curves = [curve(run) for run in _sustained_runs(row)]
    for seconds, medians in curves:
        axes.plot(seconds, medians, color=COLOURS["series-1"], linewidth=1.3, alpha=0.8)
    highest = max(max(medians) for _, medians in curves)
    axes.set_ylim(0, highest * 1.1)
    axes.locator_params(axis="y", nbins=3)
    axes.grid(axis="y", color=COLOURS["grid"], linewidth=1)


def curve(samples_ms: Sequence[float]) -> tuple[list[float], list[float]]:
    """Seconds and median milliseconds of at most STEPS even stretches of time."""
    samples = np.asarray(samples_ms)
    began_s = (np.cumsum(samples) - samples) / MS_PER_S
    step_s = samples.sum() / MS_PER_S / STEPS
    steps = np.floor(began_s / step_s).astype(int)
    known = np.unique(steps)
    medians = [float(np.median(samples[steps == step])) for step in known]
    return [float(step_s * (step + 0.5)) for step in known], medians


def _ends(row: ResultRow) -> str:
    ends = [both for run in _sustained_runs(row) if (both := sustained_of(run))]
    if not ends:
        return ""
    first = np.median([each.first_ms for each in ends])
    last = np.median([each.last_ms for each in ends])
    return f"{first:.1f} → {last:.1f} ms"


def memory(rows: Sequence[ResultRow]) -> list[Chart]:
    """A chart for each way of counting, since those do not compare."""
    kinds = sorted({str(one.memory_kind) for row in rows for one in row.processes})
    charts = (_of_kind(rows, kind) for kind in kinds)
    return [chart for chart in charts if chart]


def _of_kind(rows: Sequence[ResultRow], kind: str) -> Chart | None:
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


def _peaks_mb(row: ResultRow, kind: str) -> list[float]:
    return [
        one.peak_memory_bytes / MEGA
        for one in row.processes
        if one.peak_memory_bytes is not None and str(one.memory_kind) == kind
    ]


PARTS = {
    "decode_ms": ("series-4", "decode"),
    "preprocess_ms": ("series-2", "preprocess"),
    "detector_ms": ("series-5", "detector"),
    "clicks_ms": ("series-6", "clicks"),
    "model_ms": ("series-1", "model"),
    "postprocess_ms": ("series-3", "postprocess"),
}
"""Colour and name of what `metrics.PIPELINE_PARTS` lists."""


def pipeline(rows: Sequence[ResultRow]) -> Chart | None:
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


def _runs(row: ResultRow) -> list[PipelineSample]:
    return [run for one in row.processes for run in one.pipeline_samples]


def _median_parts(row: ResultRow) -> dict[str, float]:
    samples = {part: [getattr(run, part) for run in _runs(row)] for part in PARTS}
    return {
        part: of_numbers.median(values) for part, values in samples.items() if None not in values
    }


def _median_total(row: ResultRow) -> float:
    return of_numbers.median(total_ms(run) for run in _runs(row))
