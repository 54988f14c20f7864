"""The tables of a report; adding a column or a table is an entry here."""

from collections.abc import Callable, Sequence

import numpy as np

from squeezesam.terminal import markdown_table
from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.agreement import same_masks
from squeezesam_benchmarks.results.formatting import (
    UNKNOWN,
    Column,
    FilledTable,
    ReportTable,
    filled,
    middle,
    operators,
    with_interval,
)
from squeezesam_benchmarks.results.metrics import MEGA, total_ms
from squeezesam_benchmarks.results.records import (
    METHOD,
    Condition,
    Emulation,
    PipelineSample,
    Result,
)
from squeezesam_benchmarks.results.rows import (
    ResultRow,
    baseline_of,
    group_by_run,
    heading,
    rows_of_run,
    run_facts,
    speed_up,
)
from squeezesam_benchmarks.results.statistics import Sustained, sustained_of

BASELINE_PRECISION = "fp32"


def counts_table(rows: Sequence[ResultRow]) -> ReportTable:
    """The table of the emulated rows of a run.

    Args:
        rows: emulated, at least one.
    """
    emulation = rows[0].emulations[0]
    more = emulation.long_run_inferences - emulation.short_run_inferences
    method = METHOD.format(short=emulation.short_run_inferences, more=more)

    def fewer(row: ResultRow) -> str:
        ratio = fewer_than_baseline(row, rows)
        return f"{ratio:.2f}x" if ratio else UNKNOWN

    return ReportTable(
        "Emulated: counts, not times",
        f"{method} Emulator: {emulation.emulator}.",
        (
            Column("emulated CPU", lambda row: row.emulations[0].cpu),
            Column("against this machine", lambda row: agreement(row.emulations[0])),
            Column("M instructions per inference", _millions),
            Column(f"fewer than {BASELINE_PRECISION}", fewer),
        ),
    )


def _millions(row: ResultRow) -> str:
    return f"{row.emulations[0].instructions_per_inference / MEGA:.1f}"


def agreement(emulation: Emulation) -> str:
    """How near its answers are to this machine's."""
    if emulation.identical:
        return "bit-identical"
    verdict = "same masks" if same_masks(emulation) else "OTHER MASKS"
    return (
        f"{verdict}: max diff {emulation.max_difference:.1e}, min IoU {emulation.min_mask_iou:.5f}"
    )


def fewer_than_baseline(row: ResultRow, rows: Sequence[ResultRow]) -> float | None:
    """How many times fewer instructions than the fp32 artifact of the same runtime and variant.

    None where there is none, or on another emulated processor only.
    """
    counted = row.emulations[0]
    for other in rows:
        same_kind = (other.runtime, other.artifact.variant, other.emulations[0].cpu) == (
            row.runtime,
            row.artifact.variant,
            counted.cpu,
        )
        if same_kind and other.artifact.precision == BASELINE_PRECISION:
            baseline = other.emulations[0].instructions_per_inference
            return baseline / counted.instructions_per_inference
    return None


SALIENT_DIGITS = 2
PART_DIGITS = 1

Duration = Callable[[PipelineSample], float]


def inferences_ms(count: int) -> Duration:
    """Decoding the photo and so many inferences of the segmenter alone."""

    def duration(sample: PipelineSample) -> float:
        assert sample.decode_ms is not None
        assert sample.model_alone_ms is not None
        return sample.decode_ms + count * sample.model_alone_ms

    return duration


def salient_runs(row: ResultRow) -> list[list[PipelineSample]]:
    """The salient pipelines of each process that had any."""
    processes = (
        [run for run in one.pipeline_samples if run.model_alone_ms is not None]
        for one in row.processes
    )
    return [runs for runs in processes if runs]


def _total(duration: Duration) -> Callable[[ResultRow], str]:
    def cell(row: ResultRow) -> str:
        samples = [[duration(run) for run in runs] for runs in salient_runs(row)]
        return with_interval(statistics.median(samples), PART_DIGITS) if samples else UNKNOWN

    return cell


def _part(name: str) -> Callable[[ResultRow], str]:
    def cell(row: ResultRow) -> str:
        samples = [getattr(run, name) for runs in salient_runs(row) for run in runs]
        known = [sample for sample in samples if sample is not None]
        return f"{np.median(known):.{PART_DIGITS}f}" if known else UNKNOWN

    return cell


def _times(yardstick: Duration) -> Callable[[ResultRow], str]:
    def cell(row: ResultRow) -> str:
        processes = salient_runs(row)
        if not processes:
            return UNKNOWN
        yardsticks = [[yardstick(run) for run in runs] for runs in processes]
        totals = [[total_ms(run) for run in runs] for runs in processes]
        return with_interval(statistics.ratio_of_medians(yardsticks, totals), SALIENT_DIGITS)

    return cell


SALIENT = ReportTable(
    "Automatic mask",
    "From a photo's file, which is in the page cache, to a mask of its size without any click: "
    "decoding, letterboxing, detector, clicks, segmenter, mask. Medians; those of the parts need "
    "not add up to that of the total. One inference is the segmenter alone and warm, timed after "
    "each run; the decoding beside it is that run's own. A later click corrects the mask, to a "
    "mask of the photo's size.",
    (
        Column("total ms [95 %]", _total(total_ms)),
        Column("decode ms", _part("decode_ms")),
        Column("letterbox ms", _part("preprocess_ms")),
        Column("detector ms", _part("detector_ms")),
        Column("clicks ms", _part("clicks_ms")),
        Column("segmenter ms", _part("model_ms")),
        Column("mask ms", _part("postprocess_ms")),
        Column("decode + 1 inference ms [95 %]", _total(inferences_ms(1))),
        Column("total, times decode + 1 inference", _times(inferences_ms(1))),
        Column("total, times decode + 2 inferences", _times(inferences_ms(2))),
        Column("later click ms", _part("later_click_ms")),
    ),
)


LEAST_SAMPLES = {90: 10, 99: 100}
"""A percentile of fewer samples would be their maximum by another name."""

DIGITS = 2


def filled_tables(rows: Sequence[ResultRow], baseline: str | None = None) -> list[FilledTable]:
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


def _with_ratio(table: ReportTable, rows: Sequence[ResultRow], baseline: str) -> ReportTable:
    def ratio(row: ResultRow) -> str:
        other = baseline_of(row, rows, baseline)
        estimate = speed_up(row, other) if other else None
        return with_interval(estimate, DIGITS) if estimate else UNKNOWN

    column = Column(f"times faster than {baseline}", ratio)
    return ReportTable(table.title, table.about, (*table.columns, column))


def _warm(row: ResultRow) -> list[tuple[float, ...]]:
    return [samples for samples in row.samples_ms() if samples]


def _median(row: ResultRow) -> str:
    samples = _warm(row)
    return with_interval(statistics.median(samples), DIGITS) if samples else UNKNOWN


def _percentile(percent: int) -> Callable[[ResultRow], str]:
    def cell(row: ResultRow) -> str:
        samples = _warm(row)
        if sum(map(len, samples)) < LEAST_SAMPLES[percent]:
            return UNKNOWN
        return f"{statistics.percentile(samples, percent):.{DIGITS}f}"

    return cell


def _variation(row: ResultRow) -> str:
    samples = _warm(row)
    return f"{statistics.variation_percent(samples):.1f}" if samples else UNKNOWN


def _click_runs(row: ResultRow) -> list[tuple[PipelineSample, ...]]:
    """Clicks on a photo's pixels, by process; automatic masks have a table of their own."""
    return [] if salient_runs(row) else [one.pipeline_samples for one in row.processes]


def _pipeline_total(row: ResultRow) -> str:
    totals = [[total_ms(run) for run in runs] for runs in _click_runs(row)]
    known = [process for process in totals if process]
    return with_interval(statistics.median(known), DIGITS) if known else UNKNOWN


def _pipeline_part(name: str) -> Callable[[ResultRow], str]:
    def cell(row: ResultRow) -> str:
        runs = [run for process in _click_runs(row) for run in process]
        return f"{np.median([getattr(run, name) for run in runs]):.{DIGITS}f}" if runs else UNKNOWN

    return cell


def _peak(row: ResultRow) -> str:
    peaks = [one.peak_memory_bytes for one in row.processes if one.peak_memory_bytes is not None]
    return f"{max(peaks) / MEGA:.0f}" if peaks else UNKNOWN


def _memory_kinds(row: ResultRow) -> str:
    return (
        ", ".join(sorted({one.memory_kind for one in row.processes if one.memory_kind})) or UNKNOWN
    )


def _sustained(statistic: Callable[[Sustained], float], digits: int) -> Callable[[ResultRow], str]:
    def cell(row: ResultRow) -> str:
        known = [ends for one in row.processes if (ends := sustained_of(one.sustained_samples_ms))]
        return f"{np.median([statistic(ends) for ends in known]):.{digits}f}" if known else UNKNOWN

    return cell


def _condition(said: Callable[[Condition], str | None]) -> Callable[[ResultRow], str]:
    """What the device said before the first process and after the last."""

    def cell(row: ResultRow) -> str:
        ends = (said(row.processes[0].before), said(row.processes[-1].after))
        if ends == (None, None):
            return UNKNOWN
        return " → ".join(end or "?" for end in ends)

    return cell


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _yes_or_no(value: bool | None) -> str | None:
    return None if value is None else ("yes" if value else "no")


NETWORK = ReportTable(
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
    ReportTable(
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
    ReportTable(
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
    ReportTable(
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
    ReportTable(
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


SEVERAL_RUNS = (
    "Runs were not interleaved with one another: a ratio between rows of different runs holds the "
    "drift of the machine as well. squeezesam bench compare judges two results files."
)


def report(results: Sequence[Result], baseline: str | None = None) -> str:
    """A section for each run.

    Args:
        results: of any number of runs.
        baseline: artifact or variant of which each row gives its speed as a multiple.
    """
    runs = group_by_run(results)
    sections = [_section(run, baseline) for run in runs]
    return "\n\n".join([*sections, SEVERAL_RUNS] if len(runs) > 1 else sections)


def _section(run: Sequence[Result], baseline: str | None) -> str:
    facts = "\n".join(f"- {name}: {value}" for name, value in run_facts(run).items())
    tables = [_table(table) for table in filled_tables(rows_of_run(run), baseline)]
    return "\n\n".join([f"### {heading(run)}", facts, *tables])


def _table(table: FilledTable) -> str:
    return f"**{table.title}.** {table.about}\n\n{markdown_table(table.header, table.cells)}"
