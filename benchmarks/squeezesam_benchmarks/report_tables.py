"""The tables of a report on one run; adding a column or a table is an entry here."""

from collections.abc import Callable, Sequence

import numpy as np

from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.cells import UNKNOWN, middle, operators, with_interval
from squeezesam_benchmarks.emulation_table import counts_table
from squeezesam_benchmarks.metrics import MEGA, total_ms
from squeezesam_benchmarks.rows import Row, baseline_of, speed_up
from squeezesam_benchmarks.salient_table import SALIENT, salient_runs
from squeezesam_benchmarks.schema import Condition, PipelineSample
from squeezesam_benchmarks.sustained import Sustained, sustained_of
from squeezesam_benchmarks.table_layout import Column, FilledTable, Table, filled

LEAST_SAMPLES = {90: 10, 99: 100}
"""A percentile of fewer samples would be their maximum by another name."""

DIGITS = 2


def filled_tables(rows: Sequence[Row], baseline: str | None = None) -> list[FilledTable]:
    """The tables of one run's rows, without rows and whole tables that nothing is known for.

    Args:
        rows: of one run.
        baseline: artifact or variant of which each timed row gives its speed as a multiple.
    """
    timed = [row for row in rows if not row.emulations]
    emulated = [row for row in rows if row.emulations]
    network = _with_ratio(NETWORK, timed, baseline) if baseline else NETWORK
    tables = [filled(table, timed) for table in (network, *AROUND_NETWORK)]
    if emulated:
        tables.append(filled(counts_table(emulated), emulated))
    return [table for table in tables if table.cells]


def _with_ratio(table: Table, rows: Sequence[Row], baseline: str) -> Table:
    def ratio(row: Row) -> str:
        other = baseline_of(row, rows, baseline)
        estimate = speed_up(row, other) if other else None
        return with_interval(estimate, DIGITS) if estimate else UNKNOWN

    column = Column(f"times faster than {baseline}", ratio)
    return Table(table.title, table.about, (*table.columns, column))


def _warm(row: Row) -> list[tuple[float, ...]]:
    return [samples for samples in row.samples_ms() if samples]


def _median(row: Row) -> str:
    samples = _warm(row)
    return with_interval(statistics.median(samples), DIGITS) if samples else UNKNOWN


def _percentile(percent: int) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        samples = _warm(row)
        if sum(map(len, samples)) < LEAST_SAMPLES[percent]:
            return UNKNOWN
        return f"{statistics.percentile(samples, percent):.{DIGITS}f}"

    return cell


def _variation(row: Row) -> str:
    samples = _warm(row)
    return f"{statistics.variation_percent(samples):.1f}" if samples else UNKNOWN


def _click_runs(row: Row) -> list[tuple[PipelineSample, ...]]:
    """Clicks on a photo's pixels, by process; automatic masks have a table of their own."""
    return [] if salient_runs(row) else [one.pipeline_samples for one in row.processes]


def _pipeline_total(row: Row) -> str:
    totals = [[total_ms(run) for run in runs] for runs in _click_runs(row)]
    known = [process for process in totals if process]
    return with_interval(statistics.median(known), DIGITS) if known else UNKNOWN


def _pipeline_part(name: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        runs = [run for process in _click_runs(row) for run in process]
        return f"{np.median([getattr(run, name) for run in runs]):.{DIGITS}f}" if runs else UNKNOWN

    return cell


def _peak(row: Row) -> str:
    peaks = [one.peak_memory_bytes for one in row.processes if one.peak_memory_bytes is not None]
    return f"{max(peaks) / MEGA:.0f}" if peaks else UNKNOWN


def _memory_kinds(row: Row) -> str:
    return (
        ", ".join(sorted({one.memory_kind for one in row.processes if one.memory_kind})) or UNKNOWN
    )


def _sustained(statistic: Callable[[Sustained], float], digits: int) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        known = [ends for one in row.processes if (ends := sustained_of(one.sustained_samples_ms))]
        return f"{np.median([statistic(ends) for ends in known]):.{digits}f}" if known else UNKNOWN

    return cell


def _condition(said: Callable[[Condition], str | None]) -> Callable[[Row], str]:
    """What the device said before the first process and after the last."""

    def cell(row: Row) -> str:
        ends = (said(row.processes[0].before), said(row.processes[-1].after))
        if ends == (None, None):
            return UNKNOWN
        return " → ".join(end or "?" for end in ends)

    return cell


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _yes_or_no(value: bool | None) -> str | None:
    return None if value is None else ("yes" if value else "no")


NETWORK = Table(
    "Network alone",
    "Warm inferences without preprocessing and postprocessing, pooled over processes; the interval "
    "is a bootstrap over processes and samples. p90 takes 10 samples, p99 takes 100. CV is the "
    "standard deviation over the mean. First inference and loading are medians over processes.",
    (
        Column("median ms [95 %]", _median),
        Column("p90 ms", _percentile(90)),
        Column("p99 ms", _percentile(99)),
        Column("CV %", _variation),
        Column("first ms", lambda row: middle([one.first_inference_ms for one in row.processes])),
        Column("load ms", lambda row: middle([one.load_ms for one in row.processes])),
    ),
)
AROUND_NETWORK = (
    Table(
        "Whole pipeline",
        "One click, from a photo's pixels to a mask of its size. Where the photo is looked at "
        "twice, the model is both inferences, and what lies between them counts as preprocessing. "
        "Medians; those of the parts need not add up to that of the total.",
        (
            Column("total ms [95 %]", _pipeline_total),
            Column("preprocess ms", _pipeline_part("preprocess_ms")),
            Column("model ms", _pipeline_part("model_ms")),
            Column("postprocess ms", _pipeline_part("postprocess_ms")),
        ),
    ),
    SALIENT,
    Table(
        "Memory and size",
        "Peak of the whole process, runtime and interpreter included, the largest of all "
        "processes. Peaks that are counted in different ways do not compare.",
        (
            Column("peak memory MB", _peak),
            Column("counted as", _memory_kinds),
            Column("size MB", lambda row: f"{row.artifact.size_bytes / MEGA:.2f}"),
            Column(
                "ops outside delegate", lambda row: operators(row.artifact.ops_outside_delegate)
            ),
        ),
    ),
    Table(
        "Sustained",
        "Inference without a pause: median of the first and of the last 30 s, or of both halves "
        "of a shorter run; then medians over processes.",
        (
            Column("s", _sustained(lambda ends: ends.duration_s, 1)),
            Column("window s", _sustained(lambda ends: ends.window_s, 1)),
            Column("first ms", _sustained(lambda ends: ends.first_ms, DIGITS)),
            Column("last ms", _sustained(lambda ends: ends.last_ms, DIGITS)),
            Column("last / first, by process", _sustained(lambda ends: ends.slowdown, DIGITS)),
        ),
    ),
    Table(
        "Device before and after",
        "Before the first process and after the last, as the device said it.",
        (
            Column("thermal state", _condition(lambda one: one.thermal_state)),
            Column("temperature °C", _condition(lambda one: _number(one.temperature_celsius))),
            Column("battery %", _condition(lambda one: _number(one.battery_percent))),
            Column("on power", _condition(lambda one: _yes_or_no(one.charging))),
            Column("power mode", _condition(lambda one: one.power_mode)),
        ),
    ),
)
