"""Latency over minutes without a pause."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from squeezesam_benchmarks.page.chart import Chart, row_names
from squeezesam_benchmarks.page.lines import BOTTOM, GAP, NAME_HEIGHT, shortened
from squeezesam_benchmarks.page.svg import (
    COLOURS,
    FONT,
    LEFT,
    RIGHT,
    WIDTH,
    add_axes,
    new_figure,
    write,
)
from squeezesam_benchmarks.rows import Row
from squeezesam_benchmarks.sustained import MS_PER_S, sustained_of

CURVE_HEIGHT = 70
NUMBERS_WIDTH = 40
"""Room for the milliseconds at the left."""

NAME_X = (LEFT - NUMBERS_WIDTH) / (WIDTH - NUMBERS_WIDTH - RIGHT)
"""Left end of the names, in widths of a panel from its left."""

STEPS = 120
"""Points of a curve at most; each is the median of the inferences that began in its step."""


def endurance(rows: Sequence[Row]) -> Chart | None:
    """A panel for each row, a curve for each process, on a common time axis."""
    timed = [row for row in rows if any(_runs(row))]
    if not timed:
        return None
    panel = NAME_HEIGHT + CURVE_HEIGHT + GAP
    figure = new_figure(panel * len(timed) + BOTTOM)
    longest_s = max(sum(run) for row in timed for run in _runs(row)) / MS_PER_S
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


def _runs(row: Row) -> list[tuple[float, ...]]:
    return [one.sustained_samples_ms for one in row.processes if one.sustained_samples_ms]


def _draw(axes: Any, row: Row) -> None:
    curves = [curve(run) for run in _runs(row)]
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


def _ends(row: Row) -> str:
    ends = [both for run in _runs(row) if (both := sustained_of(run))]
    if not ends:
        return ""
    first = np.median([each.first_ms for each in ends])
    last = np.median([each.last_ms for each in ends])
    return f"{first:.1f} → {last:.1f} ms"
