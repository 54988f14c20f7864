"""The layout that most charts share: a line of text for each row, and its track underneath.

Names stand above their tracks, not beside them, so that a phone's narrow page still has room for
both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from squeezesam_benchmarks.page.svg import COLOURS, FONT, add_axes, new_figure, write

NAME_HEIGHT = 18
TRACK_HEIGHT = 20
GAP = 8
BOTTOM = 36
LONGEST_LINE = 60
"""Characters that fit beside one another."""

LOG_RATIO = 4.0
"""Values that are further apart are shown on a logarithmic scale."""

MARGIN = 0.03


@dataclass(frozen=True)
class Line:
    """The words of one row.

    Attributes:
        name: at the left.
        right: at the right end of the same line.
        heading: a line of its own above, where a group of rows begins.
    """

    name: str
    right: str = ""
    heading: str | None = None


class Lines:
    """One axes with a track for each row, the first on top; y counts units downwards.

    Attributes:
        figure: of matplotlib.
        axes: likewise.
    """

    def __init__(self, lines: Sequence[Line], axis_title: str) -> None:
        """Write the words.

        Args:
            lines: of the rows.
            axis_title: quantity and unit.
        """
        self._tops: list[float] = []
        height = 0.0
        for line in lines:
            if line.heading is not None:
                height += NAME_HEIGHT + (GAP if self._tops else 0)
            height += NAME_HEIGHT
            self._tops.append(height)
            height += TRACK_HEIGHT + GAP
        self.figure = new_figure(height + BOTTOM)
        self.axes: Any = add_axes(self.figure, 0, height)
        self.axes.set_ylim(height, 0)
        self.axes.set_yticks([])
        self.axes.set_xlabel(axis_title, fontsize=FONT, color=COLOURS["muted"], labelpad=2)
        for line, top in zip(lines, self._tops, strict=True):
            y = top - NAME_HEIGHT / 2
            self._write(0, y, shortened(line.name, line.right), "left")
            self._write(1, y, line.right, "right")
            if line.heading is not None:
                above = y - NAME_HEIGHT
                self._write(0, above, shortened(line.heading), "left", color=COLOURS["muted"])

    def _write(self, x: float, y: float, text: str, side: str, **style: Any) -> None:
        across = self.axes.get_yaxis_transform()
        write(self.axes, x, y, text, side, transform=across, va="center", **style)

    def track(self, index: int) -> tuple[float, float]:
        """Top and bottom of a row's track."""
        return self._tops[index], self._tops[index] + TRACK_HEIGHT

    def scale(self, low: float, high: float) -> None:
        """Make the horizontal axis hold all values, positive ones; logarithmic where far apart."""
        if low > 0 and high / low > LOG_RATIO:
            from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

            self.axes.set_xscale("log")
            margin = (high / low) ** MARGIN
            self.axes.set_xlim(low / margin, high * margin)
            self.axes.xaxis.set_major_locator(LogLocator(subs=log_steps(low, high)))
            self.axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            self.axes.xaxis.set_minor_formatter(NullFormatter())
            return
        margin = (high - low or high) * MARGIN
        self.axes.set_xlim(low - margin, high + margin)
        self.axes.locator_params(axis="x", nbins=6)

    def scale_from_zero(self, high: float) -> None:
        """Make the horizontal axis hold bars up to a value."""
        self.axes.set_xlim(0, high * (1 + MARGIN))
        self.axes.locator_params(axis="x", nbins=6)

    def bar(self, index: int, left: float, right: float, colour: str) -> None:
        """A bar across the upper part of a track."""
        top, bottom = self.track(index)
        self.axes.barh(
            (top + bottom) / 2,
            right - left,
            left=left,
            height=0.6 * TRACK_HEIGHT,
            color=COLOURS[colour],
        )

    def band(self, low: float, high: float, top: float, bottom: float, colour: str) -> None:
        """A shaded box."""
        self.axes.fill_between(
            (low, high), top, bottom, color=COLOURS[colour], alpha=0.25, linewidth=0
        )

    def mark(self, value: float, top: float, bottom: float) -> None:
        """A thick upright line that stands out a little."""
        self.axes.plot((value, value), (top - 1, bottom + 1), color=COLOURS["ink"], linewidth=2)

    def ticks(self, values: Sequence[float], top: float, bottom: float, colour: str) -> None:
        """A short upright line for each value, as one path to save bytes."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path as Outline

        points = [(value, y) for value in values for y in (top, bottom)]
        codes = [Outline.MOVETO, Outline.LINETO] * len(values)
        outline = Outline(points, codes)
        outline.should_simplify = False  # every sample is drawn
        self.axes.add_patch(
            PathPatch(outline, edgecolor=COLOURS[colour], facecolor="none", linewidth=1, alpha=0.55)
        )

    def interval(self, y: float, low: float, value: float, high: float, colour: str) -> None:
        """A point with its interval."""
        self.axes.plot(
            (low, high), (y, y), color=COLOURS[colour], linewidth=2, solid_capstyle="butt"
        )
        self.axes.plot(value, y, marker="o", markersize=7, color=COLOURS[colour])


def log_steps(low: float, high: float) -> tuple[int, ...]:
    """Which multiples of powers of ten get a number: fewer where the axis is long."""
    return (1, 2, 5) if math.log10(high / low) < 2 else (1,)


def shortened(name: str, right: str = "") -> str:
    """A name, without its middle where it would run into what stands at the right of it."""
    room = LONGEST_LINE - len(right)
    if len(name) <= room:
        return name
    half = (room - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
