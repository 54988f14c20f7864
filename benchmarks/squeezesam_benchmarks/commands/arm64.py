"""`squeezesam bench arm64`: artifacts on an emulated ARM64 processor."""

import argparse
import shlex
import sys
from pathlib import Path

from squeezesam.errors import VerificationError
from squeezesam_benchmarks.arm64.check import CheckOptions, check_on_arm64, write_report
from squeezesam_benchmarks.arm64.cpus import CPUS
from squeezesam_benchmarks.arm64.records import Finding
from squeezesam_benchmarks.arm64.reporting import table

HELP = "compare artifacts on emulated ARM64 with this machine and count instructions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--artifacts", type=Path, required=True, help="an export directory")
    parser.add_argument(
        "--cpu",
        default=CheckOptions.cpu,
        help=f"{', '.join(CPUS)} (default {CheckOptions.cpu})",
    )
    parser.add_argument(
        "--cases", type=int, default=CheckOptions.cases, help="golden cases to compare"
    )
    parser.add_argument(
        "--cache", type=Path, default=CheckOptions.cache, help="keeps the ARM64 runtimes"
    )
    parser.add_argument("--out", type=Path, help="JSON file for the raw counts")


def check_artifacts(args: argparse.Namespace) -> None:
    """Check and print one row for each artifact.

    Raises:
        VerificationError: an artifact does not run, or gives other masks than on this machine.
    """
    options = CheckOptions(args.artifacts, args.cpu, args.cases, args.cache)
    report = check_on_arm64(options, shlex.join(["squeezesam", *sys.argv[1:]]), show)
    if args.out is not None:
        write_report(report, args.out)
    print(table(report))
    broken = [
        f"{finding.artifact.name}: {finding.broken}"
        for finding in report.findings
        if finding.broken
    ]
    if broken:
        raise VerificationError(f"on {report.cpu.name}, {'; '.join(broken)}")


def show(finding: Finding) -> None:
    """Tell of an artifact that is done, beside the table, which goes to standard output."""
    said = finding.agreement.text if finding.agreement else finding.failure
    print(f"{finding.artifact.name}: {said}", file=sys.stderr, flush=True)
