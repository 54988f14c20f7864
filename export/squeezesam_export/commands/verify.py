"""`squeezesam verify`: an export directory against PyTorch's golden answers."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.errors import VerificationError
from squeezesam.spec import DETECTOR
from squeezesam.tables import aligned_table

if TYPE_CHECKING:
    from squeezesam_export.verification import Verdict

HELP = "check the hashes of an export and compare its artifacts with PyTorch"
GROUP = "ship"
EXAMPLE = "squeezesam verify artifacts"
HEADER = (
    "network",
    "target",
    "precision",
    "run by",
    "max mask err",
    "SQNR dB",
    "min mask IoU",
    "max IoU err",
    "max click dist",
    "auto IoU",
    "ops outside",
    "MB",
    "ms",
    "verdict",
)
TEXT_COLUMNS = {"network", "target", "precision", "run by", "verdict"}
ABSENT = "-"
DETECTOR_COLUMNS = (
    "detector: its mask is where the heat map is hot; max click dist: from PyTorch's clicks, in "
    "pixels of the heat map;\nauto IoU: of masks without any click, by detector and segmenter of "
    "one target and precision, the smallest with PyTorch's"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("directory", type=Path, help="what 'squeezesam export --out' wrote")
    parser.add_argument(
        "--digest",
        metavar="SHA256",
        help="of the whole directory, as 'export' and 'verify' print it; another one is an error",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="where Core ML itself is here (macOS), run the reference interpreter too, and compare",
    )


def run(args: argparse.Namespace) -> None:
    """Verify and print one row for each artifact."""
    from squeezesam.runtimes import INTERPRETER_LIMITS, REFERENCE_INTERPRETER
    from squeezesam_export.artifacts import bundle_digest, check_digest
    from squeezesam_export.verification import verify

    if args.digest is not None:
        check_digest(args.directory, args.digest)
    verdicts = []
    for verdict in verify(args.directory, args.compare):
        print(f"{verdict.artifact.file}: {verdict.text}", file=sys.stderr, flush=True)
        verdicts.append(verdict)
    print(aligned_table(HEADER, [row(verdict) for verdict in verdicts], TEXT_COLUMNS))
    print("ms: median on this machine, default threads; masks and predicted IoUs against PyTorch")
    if any(verdict.network == DETECTOR.name for verdict in verdicts):
        print(DETECTOR_COLUMNS)
    if any(verdict.runs_on == REFERENCE_INTERPRETER for verdict in verdicts):
        print(INTERPRETER_LIMITS)
    print(f"bundle SHA-256: {bundle_digest(args.directory)}")
    broken = [verdict for verdict in verdicts if verdict.broken]
    if broken:
        raise VerificationError(
            f"{len(broken)} of {len(verdicts)} artifacts differ from PyTorch: "
            + "; ".join(f"{verdict.artifact.file}: {verdict.broken}" for verdict in broken)
        )


def row(verdict: "Verdict") -> tuple[str, ...]:
    """One line of the table."""
    artifact, numbers = verdict.artifact, (ABSENT,) * 5
    milliseconds = ABSENT
    if verdict.measurement:
        parity = verdict.measurement.parity
        numbers = (
            f"{parity.max_mask_error:.1e}",
            "exact" if parity.mask_sqnr_db is None else f"{parity.mask_sqnr_db:.1f}",
            f"{parity.min_mask_iou:.4f}",
            cell(parity.max_iou_error, ".1e"),
            cell(parity.max_click_distance, ".1f"),
        )
        median_ms = verdict.measurement.median_ms
        milliseconds = cell(median_ms, ".1f")
    outside = artifact.ops_outside_delegate
    return (
        verdict.network,
        artifact.target,
        artifact.precision,
        verdict.runs_on,
        *numbers,
        cell(verdict.automatic_iou, ".4f"),
        ABSENT if outside is None else " ".join([str(len(outside)), *sorted(set(outside))]),
        f"{artifact.size_bytes / 1e6:.1f}",
        milliseconds,
        verdict.text,
    )


def cell(number: float | None, form: str) -> str:
    """A number as text, or that there is none."""
    return ABSENT if number is None else format(number, form)
