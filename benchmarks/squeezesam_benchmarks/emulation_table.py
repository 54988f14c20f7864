"""The results of an emulated processor as a table: counts, never times."""

from collections.abc import Sequence

from squeezesam_benchmarks.arm64.agreement import same_masks
from squeezesam_benchmarks.arm64.method import METHOD
from squeezesam_benchmarks.cells import UNKNOWN
from squeezesam_benchmarks.metrics import MEGA
from squeezesam_benchmarks.rows import Row
from squeezesam_benchmarks.schema import Emulation
from squeezesam_benchmarks.table_layout import Column, Table

BASELINE_PRECISION = "fp32"


def counts_table(rows: Sequence[Row]) -> Table:
    """The table of the emulated rows of a run.

    Args:
        rows: emulated, at least one.
    """
    emulation = rows[0].emulations[0]
    more = emulation.long_run_inferences - emulation.short_run_inferences
    method = METHOD.format(short=emulation.short_run_inferences, more=more)

    def fewer(row: Row) -> str:
        ratio = fewer_than_baseline(row, rows)
        return f"{ratio:.2f}x" if ratio else UNKNOWN

    return Table(
        "Emulated: counts, not times",
        f"{method} Emulator: {emulation.emulator}.",
        (
            Column("emulated CPU", lambda row: row.emulations[0].cpu),
            Column("against this machine", lambda row: agreement(row.emulations[0])),
            Column("M instructions per inference", _millions),
            Column(f"fewer than {BASELINE_PRECISION}", fewer),
        ),
    )


def _millions(row: Row) -> str:
    return f"{row.emulations[0].instructions_per_inference / MEGA:.1f}"


def agreement(emulation: Emulation) -> str:
    """How near its answers are to this machine's."""
    if emulation.identical:
        return "bit-identical"
    verdict = "same masks" if same_masks(emulation) else "OTHER MASKS"
    return (
        f"{verdict}: max diff {emulation.max_difference:.1e}, min IoU {emulation.min_mask_iou:.5f}"
    )


def fewer_than_baseline(row: Row, rows: Sequence[Row]) -> float | None:
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
