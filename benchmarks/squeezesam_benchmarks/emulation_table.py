"""The results of an emulated processor as a table: counts, never times."""

from collections.abc import Sequence

from squeezesam.tables import markdown_table
from squeezesam_benchmarks.arm64.agreement import same_masks
from squeezesam_benchmarks.arm64.method import METHOD
from squeezesam_benchmarks.rows import Row
from squeezesam_benchmarks.schema import Emulation, Result

MEGA = 1e6
UNKNOWN = "-"
BASELINE_PRECISION = "fp32"
HEADER = (
    "artifact",
    "precision",
    "CPU",
    "against this machine",
    "M instructions per inference",
    f"fewer than {BASELINE_PRECISION}",
)


def emulation_section(one: Result, rows: Sequence[Row]) -> str:
    """A section on the emulated rows of a run.

    Args:
        one: any result of the run.
        rows: emulated.
    """
    emulation = rows[0].emulations[0]
    more = emulation.long_run_inferences - emulation.short_run_inferences
    method = METHOD.format(short=emulation.short_run_inferences, more=more)
    return "\n".join(
        [
            f"### {one.started_at}, emulated, {emulation.emulator}",
            "",
            f"{method} Harness {one.harness_version}: `{one.command}`",
            "",
            markdown_table(HEADER, [_cells(row, rows) for row in rows]),
        ]
    )


def _cells(row: Row, rows: Sequence[Row]) -> list[str]:
    emulation = row.emulations[0]
    ratio = fewer_than_baseline(row, rows)
    return [
        row.artifact.name,
        row.artifact.precision or UNKNOWN,
        emulation.cpu,
        agreement(emulation),
        f"{emulation.instructions_per_inference / MEGA:.1f}",
        f"{ratio:.2f}x" if ratio else UNKNOWN,
    ]


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
