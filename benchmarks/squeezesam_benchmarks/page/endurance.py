"""Latency over minutes without a pause."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from squeezesam_benchmarks.page.chart import Chart, row_names
from squeezesam_benchmarks.page.lines import GAP, NAME_HEIGHT
from squeezesam_benchmarks.page.svg import COLOURS, FONT, add_axes, new_figure
from squeezesam_benchmarks.rows import Row
from squeezesam_benchmarks.sustained import MS_PER_S, sustained_of

CURVE_HEIGHT = 90
AXIS_HEIGHT = 26
STEPS = 120
"""Points of a curve at most; each is the median of the inferences that began in its step."""


def endurance(rows: Sequence[Row]) -> Chart | None:
    """A panel for each row, a curve for each process, on a common time axis."""
    timed = [row for row in rows if any(_runs(row))]
    if not timed:
        return None
    panel = NAME_HEIGHT + CURVE_HEIGHT + AXIS_HEIGHT + GAP
    figure = new_figure(panel * len(timed))
    longest_s = max(sum(run) for row in timed for run in _runs(row)) / MS_PER_S
    for index, (row, name) in enumerate(zip(timed, row_names(timed), strict=True)):
        axes = add_axes(figure, panel * index + NAME_HEIGHT, CURVE_HEIGHT)
        axes.set_xlim(0, longest_s)
        _draw(axes, row)
        for x, text, side in ((0, name, "left"), (1, _ends(row), "right")):
            style = {"ha": side, "fontsize": FONT, "color": COLOURS["ink"]}
            axes.text(x, 1.06, text, transform=axes.transAxes, **style)
    return Chart(
        "Sustained",
        f"Milliseconds of an inference over seconds without a pause, a curve for each process; a "
        f"point is the median of up to {longest_s / STEPS:.1f} s. At the right, medians of the "
        "first and the last 30 s, or of both halves of a shorter run.",
        figure,
    )


def _runs(row: Row) -> list[tuple[float, ...]]:
    return [one.sustained_samples_ms for one in row.processes if one.sustained_samples_ms]


def _draw(axes: Any, row: Row) -> None:
    highest = 0.0
    for run in _runs(row):
        seconds, medians = curve(run)
        highest = max(highest, *medians)
        axes.plot(seconds, medians, color=COLOURS["series-1"], linewidth=1.3, alpha=0.8)
    axes.set_ylim(0, highest * 1.1)
    axes.locator_params(axis="x", nbins=6)
    for value in (highest / 2, highest):
        axes.axhline(value, color=COLOURS["grid"], linewidth=1, zorder=0)
        axes.annotate(
            f"{value:.1f} ms",
            (0, value),
            xytext=(2, 2),
            textcoords="offset points",
            fontsize=FONT - 2,
            color=COLOURS["muted"],
        )


def curve(samples_ms: Sequence[float]) -> tuple[list[float], list[float]]:
    """Seconds and median milliseconds of at most STEPS even stretches of time."""
    samples = np.asarray(samples_ms)
    began_s = (np.cumsum(samples) - samples) / MS_PER_S
    step_s = samples.sum() / MS_PER_S / STEPS
    steps = np.floor(began_s / step_s).astype(int)
    known = np.unique(steps)
    medians = [float(np.median(samples[steps == step])) for step in known]
    return [float(step_s * (step + 0.5)) for step in known], medians


def _ends(row: Row) -> str:
    ends = [both for run in _runs(row) if (both := sustained_of(run))]
    if not ends:
        return ""
    first = np.median([each.first_ms for each in ends])
    last = np.median([each.last_ms for each in ends])
    return f"{first:.1f} → {last:.1f} ms"
