"""Figures as SVG that lies in the page: its colours are the page's, its text is text.

A figure is WIDTH units wide, about as many as a phone has pixels, and grows with its column.
"""

import io
import re
from typing import Any

from squeezesam.errors import MissingDependencyError

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
