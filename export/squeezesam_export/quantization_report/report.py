"""The report as markdown and as a picture."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from squeezesam.errors import MissingDependencyError
from squeezesam.evaluation.protocol import PERCENT
from squeezesam.evaluation.statistics import Interval, mean_interval
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


DPI = 100
WIDTH = 1200
ROW = 40
"""Height of a block's row, in pixels as all of these."""

TOP = 130
BOTTOM = 56
NAMES = 150
"""Width of the column of names."""

MARGIN = 24
WHISKER = 10

INK = "#282828"
GRID = "#dedede"
OWN = "#2878ff"
ACCUMULATED = "#a0bef0"
LOST = "#dc6e1e"


def draw_chart(rows: Sequence[ReportRow], title: str) -> Image.Image:
    """Draw the report's main table; a bar of infinite length reaches the border of its panel.

    Args:
        rows: at least one.
        title: written on top.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    canvas = new_canvas(TOP + ROW * len(rows) + BOTTOM)
    figure = canvas.figure
    height = figure.bbox.height
    figure.text(MARGIN / WIDTH, 1 - MARGIN / height, title, fontsize=16, va="top", parse_math=False)
    frame = {
        "left": (NAMES + MARGIN) / WIDTH,
        "right": 1 - MARGIN / WIDTH,
        "top": 1 - TOP / height,
        "bottom": BOTTOM / height,
        "wspace": 0.1,
    }
    noise, loss = figure.subplots(1, 2, sharey=True, gridspec_kw=frame)
    places = range(len(rows))
    finite = [0.0, *(one for row in rows for one in noise_of(row) if math.isfinite(one))]
    margin = 0.05 * (max(finite) - min(finite) or 1.0)
    border = max(finite) + margin
    noise.set_xlim(min(finite) - (margin if min(finite) < 0 else 0), border)
    for number, (colour, label) in enumerate(
        ((OWN, "it alone quantized"), (ACCUMULATED, "all quantized"))
    ):
        lengths = [min(noise_of(row)[number], border) for row in rows]
        centres = [place + 0.4 * (number - 0.5) for place in places]
        noise.barh(centres, lengths, 0.35, color=colour, label=label)
    losses = [row.lost for row in rows]
    label = "it alone quantized; top row: all blocks"
    loss.barh(places, [one.mean for one in losses], 0.35, color=LOST, label=label)
    loss.hlines(places, [one.low for one in losses], [one.high for one in losses], INK)
    for ends in ([one.low for one in losses], [one.high for one in losses]):
        loss.plot(ends, places, "|", color=INK, markersize=WHISKER)
    noise.set_yticks(places, [row.name for row in rows], parse_math=False)
    noise.set_ylim(len(rows) - 0.5, -0.5)
    titles = {
        noise: "SQNR of the block's output, dB (longer is better)",
        loss: "mIoU lost, points, with 95 % interval",
    }
    for panel, heading in titles.items():
        panel.set_title(heading, loc="left", pad=32, fontsize=12)
        panel.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
        panel.grid(axis="x", color=GRID)
        panel.axvline(0, color=INK, linewidth=1)
        panel.set_axisbelow(True)
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def noise_of(row: ReportRow) -> tuple[float, float]:
    """SQNR of a block that alone is quantized, and with all others; NaN where it is not known."""
    own, accumulated = (
        math.nan if value is None else value for value in (row.own_sqnr, row.accumulated_sqnr)
    )
    return own, accumulated


def new_canvas(height: int = TOP) -> Any:
    """The canvas of an empty matplotlib figure, WIDTH by `height` pixels.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "the report's chart needs matplotlib; pip install 'squeezesam[report]'"
        ) from error
    return FigureCanvasAgg(Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI))
