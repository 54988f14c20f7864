"""A picture of the report: bars for each block, noise on the left, accuracy on the right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from squeezesam.evaluation.contact_sheet import INK, PAPER, font
from squeezesam.overlay import Colour
from squeezesam_export.quantization_report.figures import Row

WIDTH = 1200
ROW = 40
"""Height of a block's row, in pixels as all of these."""

TOP = 130
BOTTOM = 56
NAMES = 150
"""Width of the column of names."""

MARGIN = 24
PANEL_GAP = 90
THICK = 13

GRID: Colour = (222, 222, 222)
OWN: Colour = (40, 120, 255)
ACCUMULATED: Colour = (160, 190, 240)
LOST: Colour = (220, 110, 30)


@dataclass(frozen=True)
class Axis:
    """A horizontal scale.

    Attributes:
        left: pixel of `low`.
        right: pixel of `high`.
        low: smallest value.
        high: largest value.
        step: between lines of the grid.
    """

    left: int
    right: int
    low: float
    high: float
    step: float

    @classmethod
    def around(cls, left: int, right: int, values: Sequence[float]) -> "Axis":
        """An axis with round numbers that takes in zero and all finite values."""
        finite = [0.0, *(value for value in values if math.isfinite(value))]
        span = max(finite) - min(finite) or 1.0
        power = 10 ** math.floor(math.log10(span / 4))
        step = next(power * times for times in (1, 2, 5, 10) if span <= 6 * power * times)
        low, high = math.floor(min(finite) / step), math.ceil(max(finite) / step)
        return cls(left, right, low * step, max(high, low + 1) * step, step)

    def x(self, value: float) -> float:
        """Pixel of a value, at the border for what lies beyond."""
        share = (value - self.low) / (self.high - self.low)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def ticks(self) -> list[float]:
        """Values of the grid's lines."""
        count = round((self.high - self.low) / self.step)
        return [self.low + self.step * number for number in range(count + 1)]


def draw_chart(rows: Sequence[Row], title: str) -> Image.Image:
    """Draw the report's main table.

    Args:
        rows: at least one.
        title: written on top.
    """
    height = TOP + ROW * len(rows) + BOTTOM
    picture = Image.new("RGB", (WIDTH, height), PAPER)
    canvas = ImageDraw.Draw(picture)
    canvas.text((MARGIN, 16), title, INK, font(22))
    middle = (NAMES + MARGIN + WIDTH) // 2
    sqnrs = [value for row in rows for value in (row.own_sqnr, row.accumulated_sqnr) if value]
    bounds = [value for row in rows for value in (row.lost.low, row.lost.high)]
    noise = Axis.around(NAMES + MARGIN, middle - PANEL_GAP // 2, sqnrs)
    loss = Axis.around(middle + PANEL_GAP // 2, WIDTH - 2 * MARGIN, bounds)
    draw_axis(canvas, noise, height - BOTTOM, "SQNR of the block's output, dB (longer is better)")
    draw_axis(canvas, loss, height - BOTTOM, "mIoU lost, points, with 95 % interval")
    draw_key(canvas, noise.left, {"it alone quantized": OWN, "all quantized": ACCUMULATED})
    draw_key(canvas, loss.left, {"it alone quantized; top row: all blocks": LOST})
    for number, row in enumerate(rows):
        centre = TOP + ROW * number + ROW // 2
        canvas.text((NAMES + MARGIN - 10, centre), row.name, INK, font(16), anchor="rm")
        if row.own_sqnr is not None:
            draw_bar(canvas, noise, row.own_sqnr, centre - THICK // 2 - 1, OWN)
        if row.accumulated_sqnr is not None:
            draw_bar(canvas, noise, row.accumulated_sqnr, centre + THICK // 2 + 1, ACCUMULATED)
        draw_bar(canvas, loss, row.lost.mean, centre, LOST)
        draw_whisker(canvas, loss, row.lost.low, row.lost.high, centre)
    return picture


def draw_axis(canvas: ImageDraw.ImageDraw, axis: Axis, bottom: int, title: str) -> None:
    """Grid, numbers and title of a panel."""
    canvas.text((axis.left, 58), title, INK, font(16))
    digits = max(0, -math.floor(math.log10(axis.step)))
    for value in axis.ticks():
        x = axis.x(value)
        zero = abs(value) < axis.step / 2
        canvas.line((x, TOP, x, bottom), INK if zero else GRID, 1)
        text = f"{0.0 if zero else value:.{digits}f}"
        canvas.text((x, bottom + 8), text, INK, font(14), anchor="ma")


def draw_key(canvas: ImageDraw.ImageDraw, left: int, entries: dict[str, Colour]) -> None:
    """Colours and what they mean, beside each other."""
    x = float(left)
    for text, colour in entries.items():
        canvas.rectangle((x, 92, x + THICK, 92 + THICK), colour)
        canvas.text((x + 2 * THICK - 4, 90), text, INK, font(14))
        x += 2 * THICK + canvas.textlength(text, font(14)) + MARGIN


def draw_bar(
    canvas: ImageDraw.ImageDraw, axis: Axis, value: float, centre: int, colour: Colour
) -> None:
    """A bar from zero; across the panel where the value is infinite."""
    left, right = sorted((axis.x(0), axis.x(value)))
    canvas.rectangle((left, centre - THICK // 2, right, centre + THICK // 2), colour)


def draw_whisker(
    canvas: ImageDraw.ImageDraw, axis: Axis, low: float, high: float, centre: int
) -> None:
    """An interval."""
    left, right = axis.x(low), axis.x(high)
    canvas.line((left, centre, right, centre), INK, 2)
    for x in (left, right):
        canvas.line((x, centre - 5, x, centre + 5), INK, 2)
