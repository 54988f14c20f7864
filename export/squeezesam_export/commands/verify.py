"""`squeezesam verify`: an export directory against PyTorch's golden answers."""

import argparse
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.errors import VerificationError
from squeezesam.terminal import aligned_table

if TYPE_CHECKING:
    from squeezesam_export.bundle.verification import ArtifactVerdict
    from squeezesam_export.kinds.recipe import ParityFigure

HELP = "check the hashes of an export and compare its artifacts with PyTorch"
GROUP = "ship"
EXAMPLE = "squeezesam verify artifacts"
TEXT_COLUMNS = {"network", "target", "precision", "run by", "verdict"}
ABSENT = "-"


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


def measures() -> list["ParityFigure"]:
    """The figures of all kinds of networks, each once."""
    from squeezesam_export.kinds import RECIPES

    every = (measure for recipe in RECIPES.values() for measure in recipe.measures)
    return list({measure.name: measure for measure in every}.values())


def header() -> tuple[str, ...]:
    """Titles of the columns."""
    return (
        *("network", "target", "precision", "run by", "max mask err", "SQNR dB", "min mask IoU"),
        *(measure.title for measure in measures()),
        *("auto IoU", "ops outside", "MB", "ms", "verdict"),
    )


def run(args: argparse.Namespace) -> None:
    """Verify and print one row for each artifact."""
    from squeezesam.inference.load import INTERPRETER_LIMITS, REFERENCE_INTERPRETER
    from squeezesam_export.bundle.artifacts import bundle_digest, check_digest, content_sha256
    from squeezesam_export.bundle.verification import Verification

    hasher = cache(content_sha256)
    digest = None
    if args.digest is not None:
        digest = check_digest(args.directory, args.digest, hasher)
    verdicts = []
    for verdict in Verification(args.directory, hasher).verdicts(args.compare):
        print(f"{verdict.artifact.title}: {verdict.text}", file=sys.stderr, flush=True)
        verdicts.append(verdict)
    print(aligned_table(header(), [row(verdict) for verdict in verdicts], TEXT_COLUMNS))
    print("ms: median on this machine, default threads; masks and predicted IoUs against PyTorch")
    for note in dict.fromkeys(verdict.recipe.note for verdict in verdicts):
        if note is not None:
            print(note)
    if any(verdict.runs_on == REFERENCE_INTERPRETER for verdict in verdicts):
        print(INTERPRETER_LIMITS)
    print(f"bundle SHA-256: {digest or bundle_digest(args.directory, hasher)}")
    broken = [verdict for verdict in verdicts if verdict.broken]
    if broken:
        raise VerificationError(
            f"{len(broken)} of {len(verdicts)} artifacts differ from PyTorch or the manifest: "
            + "; ".join(f"{verdict.artifact.title}: {verdict.broken}" for verdict in broken)
        )


def row(verdict: "ArtifactVerdict") -> tuple[str, ...]:
    """One line of the table."""
    artifact, numbers = verdict.artifact, (ABSENT,) * (3 + len(measures()))
    milliseconds = ABSENT
    if verdict.measurement:
        parity = verdict.measurement.parity
        numbers = (
            f"{parity.max_mask_error:.1e}",
            "exact" if parity.mask_sqnr_db is None else f"{parity.mask_sqnr_db:.1f}",
            f"{parity.min_mask_iou:.4f}",
            *(cell(parity.measures.get(one.name), one.form) for one in measures()),
        )
        milliseconds = cell(verdict.measurement.median_ms, ".1f")
    outside = artifact.ops_outside_delegate
    return (
        verdict.recipe.kind.name,
        artifact.target,
        artifact.precision,
        verdict.runs_on,
        *numbers,
        cell(verdict.end_to_end_iou, ".4f"),
        ABSENT if outside is None else " ".join([str(len(outside)), *sorted(set(outside))]),
        f"{artifact.size_bytes / 1e6:.1f}",
        milliseconds,
        verdict.text,
    )


def cell(number: float | None, form: str) -> str:
    """A number as text, or that there is none."""
    return ABSENT if number is None else format(number, form)
