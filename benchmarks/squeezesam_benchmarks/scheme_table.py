"""Runtime by scheme: accuracy, size, latency and operators outside the delegate, in one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from squeezesam.evaluation.records import Evaluation
from squeezesam.evaluation.surroundings import machine, package_versions
from squeezesam.runtimes import INTERPRETER_LIMITS
from squeezesam.tables import markdown_table
from squeezesam.typed_command import typed_command
from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.cells import UNKNOWN, operators, with_interval
from squeezesam_benchmarks.rows import Row, speed_up
from squeezesam_benchmarks.schema import Artifact
from squeezesam_benchmarks.scheme_accuracy import CLICKS, Column, iou_gained, mean_iou

SHOWN_CLICKS = (1, CLICKS)


@dataclass(frozen=True)
class SchemeRow:
    """One line of the table.

    Attributes:
        runtime: name of the export target.
        artifact: what is known about the file.
        evaluation: in its own runtime, or where that is not here in a reference interpreter.
        latency: at one thread; None where its own runtime is not here.
    """

    runtime: str
    artifact: Artifact
    evaluation: Evaluation
    latency: Row | None


def scheme_table(rows: Sequence[SchemeRow], columns: Sequence[Column]) -> str:
    """A markdown table.

    Args:
        rows: the first is PyTorch in fp32, which the others are compared with.
        columns: of accuracy.
    """
    header = ["runtime", "precision"]
    header += [f"{column.name} IoU@{click}" for column in columns for click in SHOWN_CLICKS]
    header += ["MB", "ms, 1 thread", "times its fp32", "ops outside the delegate"]
    return markdown_table(header, [cells(row, rows, columns) for row in rows])


def cells(row: SchemeRow, rows: Sequence[SchemeRow], columns: Sequence[Column]) -> list[str]:
    """One line's cells."""
    latency_of = {(one.runtime, one.artifact.precision): one.latency for one in rows}
    fp32 = latency_of.get((row.runtime, "fp32"))
    faster = speed_up(row.latency, fp32) if row.latency and fp32 else None
    interpreter = row.evaluation.subject.interpreter
    return [
        f"{row.runtime} ({interpreter})" if interpreter else row.runtime,
        str(row.artifact.precision),
        *(
            accuracy(row.evaluation, rows[0].evaluation, column, click)
            for column in columns
            for click in SHOWN_CLICKS
        ),
        f"{row.artifact.size_bytes / 1e6:.1f}",
        with_interval(statistics.median(row.latency.samples_ms())) if row.latency else UNKNOWN,
        f"{faster.value:.2f}" if faster else UNKNOWN,
        operators(row.artifact.ops_outside_delegate),
    ]


def accuracy(ours: Evaluation, over: Evaluation, column: Column, click: int) -> str:
    """Such as `63.4 (-0.3 [-0.5, -0.1])`: percent, and the difference to PyTorch in points."""
    mean = f"{mean_iou(ours, column, click):.1f}"
    if ours is over:
        return mean
    gained = iou_gained(ours, over, column, click)
    return f"{mean} ({gained:+.2f})"


def small_print() -> str:
    """What the numbers are, and where they come from."""
    versions, here = package_versions(), machine()
    tools = ", ".join(
        f"{name} {versions[name]}"
        for name in ("torch", "onnxruntime", "executorch", "coremltools")
        if name in versions
    )
    return (
        "IoU in percent, each artifact run by its own runtime, or where the table says so by the "
        "reference interpreter; in brackets the difference to PyTorch in fp32 in points, with its "
        "95 % bootstrap interval over photos. Latency: median ms of the network alone with its "
        "95 % interval, artifacts interleaved; none of what the interpreter runs. "
        f"`{typed_command()}`, {datetime.now(UTC).date()}, "
        f"{here['system']}, {here['cores']} cores, {tools}. "
        f"The {INTERPRETER_LIMITS}."
    )
