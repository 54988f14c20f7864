"""The artifacts that were timed under the same circumstances, side by side."""

from collections.abc import Sequence

from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.cells import with_interval
from squeezesam_benchmarks.page.chart import Chart, threads_text
from squeezesam_benchmarks.page.lines import Line, Lines
from squeezesam_benchmarks.rows import Row, baseline_of, speed_up


def alternatives(rows: Sequence[Row], baseline: str | None) -> Chart | None:
    """A group for each runtime and number of threads with several artifacts, fastest first.

    Args:
        rows: of one run.
        baseline: artifact or variant to give the ratio to; None for fp32 of the same variant.
    """
    groups: dict[tuple[str, int | None], list[Row]] = {}
    for row in rows:
        if any(row.samples_ms()):
            groups.setdefault((row.runtime, row.threads), []).append(row)
    ordered = [sorted(group, key=_median) for group in groups.values() if len(group) > 1]
    if not ordered:
        return None
    estimates = [statistics.median(row.samples_ms()) for group in ordered for row in group]
    words = [
        Line(
            row.artifact.name,
            f"{_median(row):.2f} ms{_ratio(row, group, baseline)}",
            f"{row.runtime}{threads_text(row)}" if row is group[0] else None,
        )
        for group in ordered
        for row in group
    ]
    lines = Lines(words, "median warm inference, ms")
    lines.scale(min(one.low for one in estimates), max(one.high for one in estimates))
    for index, one in enumerate(estimates):
        middle = sum(lines.track(index)) / 2
        lines.interval(middle, one.low, one.value, one.high, "series-1")
    return Chart(
        "Artifact against artifact",
        "Medians with their 95 % intervals. A number with an x: how many times faster than "
        f"{baseline or 'fp32 of the same variant'} with the same runtime and threads. Its interval "
        "is paired by rounds, and may be clear where the intervals of the medians overlap.",
        lines.figure,
    )


def _median(row: Row) -> float:
    return statistics.median(row.samples_ms()).value


def _ratio(row: Row, group: Sequence[Row], baseline: str | None) -> str:
    other = baseline_of(row, group, baseline) if baseline else _fp32_of(row, group)
    if other is None or other is row:
        return ""
    ratio = speed_up(row, other)
    return f", {with_interval(ratio, 2)}x" if ratio else ""


def _fp32_of(row: Row, group: Sequence[Row]) -> Row | None:
    same_variant = (
        other
        for other in group
        if other.artifact.precision == "fp32" and other.artifact.variant == row.artifact.variant
    )
    return next(same_variant, None)
