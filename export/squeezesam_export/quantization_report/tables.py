"""The report as markdown."""

import math
from collections.abc import Sequence

from squeezesam.evaluation.protocol import PERCENT
from squeezesam.evaluation.statistics import Interval, mean_interval
from squeezesam.tables import markdown_table
from squeezesam_export.quantization_report.figures import KeptRow, Row, kept_rows, photos, rows
from squeezesam_export.quantization_report.records import Results

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


def cells(row: Row) -> list[str]:
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
