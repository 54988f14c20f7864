"""Results as an aligned markdown table for each run."""

from collections.abc import Sequence

from squeezesam.tables import markdown_table
from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.emulation_table import emulation_section
from squeezesam_benchmarks.rows import Row, baseline_of, group_by_run, rows_of_run, speed_up
from squeezesam_benchmarks.schema import Result
from squeezesam_benchmarks.statistics import Estimate

MEGA = 1e6
UNKNOWN = "-"
HEADER = (
    "artifact",
    "runtime",
    "threads",
    "median ms [95 %]",
    "p90 ms",
    "first ms",
    "load ms",
    "peak memory MB",
    "size MB",
    "ops outside delegate",
)


def report(results: Sequence[Result], baseline: str | None = None) -> str:
    """A section for each run.

    Args:
        results: of any number of runs.
        baseline: artifact or variant of which each row gives its speed as a multiple.
    """
    return "\n\n".join(_section(run, baseline) for run in group_by_run(results))


def _section(run: Sequence[Result], baseline: str | None) -> str:
    rows = rows_of_run(run)
    timed = [row for row in rows if not row.emulations]
    counted = [row for row in rows if row.emulations]
    parts = [_timed(run, timed, baseline)] if timed else []
    if counted:
        parts.append(emulation_section(run[0], counted))
    return "\n\n".join(parts)


def _timed(run: Sequence[Result], rows: Sequence[Row], baseline: str | None) -> str:
    one = run[0]
    device, protocol = one.device, one.protocol
    complete = min(len(row.measurements) for row in rows)
    header = (*HEADER, f"times faster than {baseline}") if baseline else HEADER
    return "\n".join(
        [
            f"### {one.started_at}, {device.cpu or 'unknown CPU'}, {device.cores or '?'} cores, "
            f"{device.model or 'unknown model'}, {device.os}",
            "",
            f"Network only, no preprocessing. {complete} of {protocol.rounds} rounds, in each a "
            f"fresh process with {protocol.warm_up_inferences} warm-up and "
            f"{protocol.timed_inferences} timed inferences. Harness {one.harness_version}: "
            f"`{one.command}`",
            "",
            markdown_table(header, [_cells(row, rows, baseline) for row in rows]),
        ]
    )


def _cells(row: Row, rows: Sequence[Row], baseline: str | None) -> list[str]:
    processes = row.processes
    peaks = [one.peak_memory_bytes for one in processes if one.peak_memory_bytes is not None]
    cells = [
        row.artifact.name,
        row.runtime,
        str(row.threads),
        with_interval(statistics.median(row.samples_ms())),
        f"{statistics.percentile(row.samples_ms(), 90):.1f}",
        middle([one.first_inference_ms for one in processes]),
        middle([one.load_ms for one in processes]),
        f"{max(peaks) / MEGA:.0f}" if peaks else UNKNOWN,
        f"{row.artifact.size_bytes / MEGA:.2f}",
        operators(row.artifact.ops_outside_delegate),
    ]
    if baseline:
        other = baseline_of(row, rows, baseline)
        ratio = speed_up(row, other) if other else None
        cells.append(with_interval(ratio, digits=2) if ratio else UNKNOWN)
    return cells


def middle(samples: Sequence[float | None]) -> str:
    """Median of what is known, one sample a process."""
    known = [sample for sample in samples if sample is not None]
    return f"{statistics.percentile([known], 50):.1f}" if known else UNKNOWN


def operators(counts: dict[str, int] | None) -> str:
    """Number of operators with their names, the most frequent first."""
    if counts is None:
        return UNKNOWN
    names = sorted(counts, key=lambda name: (-counts[name], name))
    listed = ", ".join(f"{counts[name]} {name}" for name in names)
    return f"{sum(counts.values())} ({listed})" if listed else "0"


def with_interval(estimate: Estimate, digits: int = 1) -> str:
    """Such as `12.3 [11.9, 12.8]`."""
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
