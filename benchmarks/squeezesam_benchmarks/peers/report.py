"""How many times slower than one of ours a network and its click are, as a markdown table."""

from collections.abc import Callable, Sequence

from squeezesam.terminal import markdown_table
from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.formatting import UNKNOWN, with_interval
from squeezesam_benchmarks.results.metrics import total_ms
from squeezesam_benchmarks.results.records import Result
from squeezesam_benchmarks.results.rows import ResultRow, rows_of_run
from squeezesam_benchmarks.results.statistics import Samples

NOTE = (
    "Networks of a peer's shape have the dimensions that its paper gives and random weights, on "
    "which latency does not depend; they say nothing of its accuracy."
)
CLICKS_NOTE = (
    "First click: from the pixels of a new photo to a mask of its size. A later click on the same "
    "photo runs of a peer what its row `-later-click` times, which is the decoder alone; ours run "
    "their network once, and twice for the first click. "
)

Kind = Callable[[ResultRow, int], Samples]


def network_ms(row: ResultRow, round_index: int) -> Samples:
    """Samples of the network alone, of one process."""
    return row.measurements[round_index].warm_samples_ms


def click_ms(row: ResultRow, round_index: int) -> Samples:
    """Samples of one click end to end, of one process."""
    return [total_ms(sample) for sample in row.measurements[round_index].pipeline_samples]


def peers_report(run: Sequence[Result], base: str) -> str:
    """A table of one run; clicks are in it where there were any.

    Args:
        run: results that were interleaved, at least one.
        base: variant that all are compared with.
    """
    one, rows = run[0], rows_of_run(run)
    device, protocol = one.device, one.protocol
    kinds: dict[str, Kind] = {"network": network_ms}
    clicks = ""
    if any(result.measurement.pipeline_samples for result in run):
        kinds["first click"] = click_ms
        clicks = (
            f" and {protocol.pipeline_runs} clicks on a photo of {protocol.photo_width_px} x "
            f"{protocol.photo_height_px}"
        )
    header = ["artifact", "runtime", "threads"]
    for name in kinds:
        header += [f"{name} ms [95 %]", f"{name}, times {base}"]
    return "\n".join(
        [
            f"### {one.started_at}, {device.cpu or 'unknown CPU'}, {device.cores or '?'} cores, "
            f"{device.os or 'unknown system'}",
            "",
            f"{protocol.rounds} rounds, in each a fresh process with {protocol.timed_inferences} "
            f"inferences{clicks}. Medians. {CLICKS_NOTE if clicks else ''}{NOTE} `{one.command}`",
            "",
            markdown_table(
                header,
                [_cells(row, base_of(row, rows, base), list(kinds.values())) for row in rows],
            ),
        ]
    )


def base_of(row: ResultRow, rows: Sequence[ResultRow], base: str) -> ResultRow | None:
    """The variant `base` in the same runtime with the same number of threads."""
    for other in rows:
        if (other.artifact.variant, other.runtime, other.threads) == (
            base,
            row.runtime,
            row.threads,
        ):
            return other
    return None


def _cells(row: ResultRow, base: ResultRow | None, kinds: Sequence[Kind]) -> list[str]:
    cells = [row.artifact.name, row.runtime, str(row.threads)]
    for kind in kinds:
        cells += [_median(row, kind), _times_slower(row, base, kind)]
    return cells


def _median(row: ResultRow, kind: Kind) -> str:
    processes = [kind(row, index) for index in sorted(row.measurements)]
    return with_interval(statistics.median(processes)) if any(processes) else UNKNOWN


def _times_slower(row: ResultRow, base: ResultRow | None, kind: Kind) -> str:
    if base is None:
        return UNKNOWN
    shared = sorted(row.measurements.keys() & base.measurements.keys())
    ours, theirs = ([kind(one, index) for index in shared] for one in (base, row))
    if not any(ours) or not any(theirs):
        return UNKNOWN
    return with_interval(statistics.ratio_of_medians(ours, theirs), digits=2)
