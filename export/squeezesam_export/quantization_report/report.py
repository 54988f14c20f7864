"""The report as markdown and as a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from squeezesam.evaluation.contact_sheet import INK, PAPER, font
from squeezesam.evaluation.protocol import PERCENT
from squeezesam.evaluation.statistics import Interval, mean_interval
from squeezesam.inference.overlay import Colour
from squeezesam.terminal import markdown_table
from squeezesam_export.quantization_report.records import (
    KeptRow,
    ReportRow,
    Results,
    kept_rows,
    photos,
    rows,
)

HEADER = (
    "block",
    "weights %",
    "MACs %",
    "SQNR, all quantized (dB)",
    "SQNR, it alone (dB)",
    "mask IoU to float %",
    "mIoU lost (points)",
)
KEPT_HEADER = (
    "kept in float",
    "mask IoU to float %",
    "mIoU lost (points)",
    "mIoU won back (points)",
    "pays",
)
ABSENT = "-"
SKIPPED_SHOWN = 3


def markdown_report(results: Results, chart_name: str) -> str:
    """Tables, picture and small print.

    Args:
        results: of one run.
        chart_name: of the picture beside the report.
    """
    kept = kept_rows(results)
    parts = [
        f"# Which blocks int8 hurts: {results.weights} at {results.size} px",
        summary(results),
        markdown_table(HEADER, [cells(row) for row in rows(results)]),
        f"![SQNR and mIoU lost by block]({chart_name})",
    ]
    if kept:
        parts += [
            "All blocks quantized but one, for the blocks that alone move the masks most:",
            markdown_table(KEPT_HEADER, [kept_cells(row) for row in kept]),
            verdict(kept),
        ]
    return "\n\n".join([*parts, small_print(results)])


def summary(results: Results) -> str:
    """What the losses are compared with."""
    ious = [PERCENT * one.iou for one in results.objects]
    data = ", ".join(f"{entry.name} ({entry.photos} photos)" for entry in results.data)
    return (
        f"Float32: mIoU {interval(mean_interval(ious, photos(results.objects)), '')} at click "
        f"{results.click} on {len(results.objects)} objects of {data}."
    )


def cells(row: ReportRow) -> list[str]:
    """One line of the first table."""
    return [
        row.name,
        f"{row.parameters:.1f}",
        f"{row.macs:.1f}",
        decibels(row.accumulated_sqnr),
        decibels(row.own_sqnr),
        f"{row.to_float:.2f}",
        interval(row.lost, "+"),
    ]


def kept_cells(row: KeptRow) -> list[str]:
    """One line of the second table."""
    return [
        row.name,
        f"{row.to_float:.2f}",
        interval(row.lost, "+"),
        interval(row.won_back, "+"),
        "yes" if row.pays else "not shown",
    ]


def verdict(kept: Sequence[KeptRow]) -> str:
    """Which blocks are worth keeping in float, by accuracy alone."""
    paying = [row.name for row in kept if row.pays]
    if not paying:
        return "None wins back accuracy beyond its interval: float is not shown to pay."
    return (
        f"Beyond its interval wins: {', '.join(paying)}. What float costs in time and bytes, "
        "`squeezesam export --keep-float` and `squeezesam bench` show."
    )


def small_print(results: Results) -> str:
    """How it was done."""
    skipped = [entry for data in results.data for entry in data.skipped]
    tools = ", ".join(f"{name} {version}" for name, version in results.tools.items())
    lines = [
        "Quantized with torchao's PT2E flow and ExecuTorch's XNNPACK quantizer, as in the int8 "
        "files of `--target executorch`, and run in eager PyTorch: integers are simulated, the "
        "delegate's own rounding is not.",
        "SQNR: energy of the float activations that leave a block, over the energy of their "
        "difference, over all objects; of several outputs the noisiest. 'All quantized' is the "
        "noise that has piled up, 'it alone' the block's own.",
        "Columns from 'mask IoU to float' on: only this block is quantized, mask 0. mIoU: with "
        "the true masks, paired by object; in brackets 95 % bootstrap intervals over photos. "
        "With so many blocks, one interval in twenty misses its value by chance.",
        "The block 'fusion' is what lies between the modules: concatenations, sums, pooling.",
        f"Calibrated on {len(results.calibration_photos)} photos. "
        f"Weights {results.weights}, {results.network}, SHA-256 {results.weights_sha256}.",
        f"Command: `{results.command}`, {results.created}, commit {results.git_commit}.",
        f"Tools: {tools}. Machine: {', '.join(results.machine.values())} cores.",
    ]
    if skipped:
        shown = "; ".join(f"{entry.name}, {entry.reason}" for entry in skipped[:SKIPPED_SHOWN])
        lines.append(f"Skipped {len(skipped)}, the list is in the JSON: {shown}.")
    return "\n".join(f"- {line}" for line in lines)


def decibels(value: float | None) -> str:
    """Such as `31.4`."""
    if value is None:
        return ABSENT
    return "exact" if value == math.inf else f"{value:.1f}"


def interval(value: Interval, sign: str) -> str:
    """Such as `62.1 [60.1, 64.2]`; `sign` "+" shows the sign of positive numbers too."""
    return f"{value:{sign}.2f}"


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


def draw_chart(rows: Sequence[ReportRow], title: str) -> Image.Image:
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
