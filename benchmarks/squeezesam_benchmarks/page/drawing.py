"""Charts as SVG that lies in the page, and the layout that most of them share.

A figure is WIDTH units wide, about as many as a phone has pixels, and grows with its column.

Names stand above their tracks, not beside them, so that a phone's narrow page still has room for
both.
"""

import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from squeezesam.errors import MissingDependencyError
from squeezesam_benchmarks.results.rows import ResultRow


@dataclass(frozen=True)
class Chart:
    """A figure with its words.

    Attributes:
        title: what it shows.
        caption: how to read it, and what it does not say.
        figure: of matplotlib.
        key: colours, as names in `COLOURS`, with what they mean.
    """

    title: str
    caption: str
    figure: Any
    key: tuple[tuple[str, str], ...] = ()


def row_names(rows: Sequence[ResultRow]) -> list[str]:
    """Artifact and threads of each row, and the backend where those do not tell rows apart."""
    short = [f"{row.artifact.name}{threads_text(row)}" for row in rows]
    times = Counter(short)
    return [
        name if times[name] == 1 else f"{name}, {row.processes[0].backend}"
        for name, row in zip(short, rows, strict=True)
    ]


def threads_text(row: ResultRow) -> str:
    """Such as `, 2 threads`; empty where the runtime takes no such number."""
    if row.threads is None:
        return ""
    return f", {row.threads} thread{'s' if row.threads > 1 else ''}"


WIDTH = 440
UNITS_PER_INCH = 72
LEFT, RIGHT = 4, 12
FONT = 13

COLOURS = {
    "ink": "#000101",
    "muted": "#000102",
    "grid": "#000103",
    "series-1": "#000104",
    "series-2": "#000105",
    "series-3": "#000106",
    "series-4": "#000107",
    "series-5": "#000108",
    "series-6": "#000109",
}
"""Names of the page's CSS variables and what stands for them until the SVG is written."""

SERIES = tuple(name for name in COLOURS if name.startswith("series"))


def new_figure(height: float) -> Any:
    """An empty matplotlib figure of WIDTH by `height` units.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "charts need matplotlib; pip install 'squeezesam[report]'"
        ) from error
    return Figure(figsize=(WIDTH / UNITS_PER_INCH, height / UNITS_PER_INCH))


def add_axes(figure: Any, top: float, height: float, left: float = LEFT) -> Any:
    """Bare axes across the figure, with a grid of vertical lines.

    Args:
        figure: to add to.
        top: distance from the figure's top in units.
        height: in units.
        left: distance from the figure's left in units.
    """
    whole = figure.get_figheight() * UNITS_PER_INCH
    width = (WIDTH - left - RIGHT) / WIDTH
    axes = figure.add_axes((left / WIDTH, 1 - (top + height) / whole, width, height / whole))
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0, labelsize=FONT - 1, labelcolor=COLOURS["muted"], pad=4)
    axes.grid(axis="x", color=COLOURS["grid"], linewidth=1)
    axes.set_axisbelow(True)
    return axes


def write(axes: Any, x: float, y: float, text: str, side: str, **style: Any) -> None:
    """Text as it stands, since an artifact's name may hold the dollars of a formula."""
    style = {"fontsize": FONT, "color": COLOURS["ink"], **style}
    axes.text(x, y, text, ha=side, parse_math=False, **style)


def as_svg(figure: Any, name: str) -> str:
    """The figure as an element to put into HTML.

    Args:
        figure: to write.
        name: unique in the page, since names inside of the SVG are made from it.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL
    )
    text = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 aria-hidden="true">', text)
    return re.sub(r"<[^>]*>", lambda tag: _of_page(tag[0], name), text).strip()


def _of_page(tag: str, name: str) -> str:
    """A tag with the page's colours and font, short numbers, and names of its own."""
    tag = re.sub(r' id="', f' id="{name}-', tag)
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', tag)
    tag = tag.replace("url(#", f"url(#{name}-")
    tag = re.sub(r"(\d\.\d{2})\d+", r"\1", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    for colour, stand_in in COLOURS.items():
        tag = tag.replace(stand_in, f"var(--{colour})")
    return tag


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
