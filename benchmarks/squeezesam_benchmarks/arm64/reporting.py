"""A check on ARM64 as a table for the terminal."""

from collections.abc import Sequence

from squeezesam.tables import aligned_table
from squeezesam_benchmarks.arm64.records import Finding, Report

HEADER = (
    "artifact",
    "precision",
    "cpu",
    "against this machine",
    "M instructions per inference",
    "fewer than fp32",
)
TEXT_COLUMNS = {"artifact", "precision", "cpu", "against this machine"}
UNKNOWN = "-"


def table(report: Report) -> str:
    """One row an artifact, and how to read them."""
    cpu = report.cpu
    rows = [row(finding, report.findings, cpu.name) for finding in report.findings]
    return "\n".join(
        [
            aligned_table(HEADER, rows, TEXT_COLUMNS),
            f"{cpu.name}: {cpu.meaning}; {report.versions['emulator']}. "
            f"{len(report.cases)} golden cases. {report.method}",
        ]
    )


def row(finding: Finding, findings: Sequence[Finding], cpu: str) -> tuple[str, ...]:
    """The cells of one artifact."""
    ratio = fewer_than_fp32(finding, findings)
    return (
        finding.artifact.name,
        finding.artifact.precision or UNKNOWN,
        cpu,
        finding.agreement.text if finding.agreement else f"FAILED: {finding.failure}",
        f"{finding.count.per_inference / 1e6:.1f}" if finding.count else UNKNOWN,
        f"{ratio:.2f}x" if ratio else UNKNOWN,
    )


def fewer_than_fp32(finding: Finding, findings: Sequence[Finding]) -> float | None:
    """How many times fewer instructions than the fp32 artifact of the same runtime.

    None where either was not counted.
    """
    for other in findings:
        if other.runtime == finding.runtime and other.artifact.precision == "fp32":
            if finding.count and other.count:
                return other.count.per_inference / finding.count.per_inference
            return None
    return None
