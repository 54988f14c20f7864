"""What a check on ARM64 found, as it is written to a file."""

from dataclasses import dataclass

from squeezesam_benchmarks.arm64.agreement import Agreement
from squeezesam_benchmarks.arm64.cpus import Cpu
from squeezesam_benchmarks.schema import Artifact, Device

SCHEMA_VERSION = 1
SHORT_RUN = 2
"""Inferences of the run whose count is taken off: loading, and what the first inference adds."""

METHOD = (
    "Guest instructions that QEMU's user emulation executes, counted by a TCG plugin that adds the "
    "length of each translated block when it starts; one thread of the runtime, on one core, "
    "without address randomization. Per inference: a run over short_run_inferences is taken off a "
    "run over that many and the compared cases, and the rest is divided by the number of these "
    "cases. A count, not a time: instructions differ in what they cost."
)


@dataclass(frozen=True)
class Count:
    """Instructions of two whole processes that load one artifact.

    Attributes:
        short_run: over SHORT_RUN inferences.
        long_run: over those and `inferences` more.
        inferences: number of the additional ones.
    """

    short_run: int
    long_run: int
    inferences: int

    @property
    def per_inference(self) -> float:
        """Instructions of one inference."""
        return (self.long_run - self.short_run) / self.inferences


@dataclass(frozen=True)
class Finding:
    """One artifact on one emulated processor.

    Attributes:
        runtime_version: the same on both processors.
        agreement: of this machine's and the emulated processor's answers; None where one has none.
        count: None likewise.
        failure: in words; None where it ran.
    """

    artifact: Artifact
    runtime: str
    runtime_version: str
    agreement: Agreement | None
    count: Count | None
    failure: str | None

    @property
    def broken(self) -> str | None:
        """What is wrong with it, in words; None when nothing is."""
        if self.agreement is None or not self.agreement.same_masks:
            return self.failure or "its masks are not this machine's"
        return None


@dataclass(frozen=True)
class Report:
    """A whole check.

    Attributes:
        started_at: UTC, ISO 8601.
        command: what was typed.
        device: the machine that emulated, and that gave the answers to compare with.
        versions: of the tools, as they print them.
        cases: names of the golden cases that were compared.
    """

    schema_version: int
    started_at: str
    command: str
    device: Device
    versions: dict[str, str]
    cpu: Cpu
    method: str
    short_run_inferences: int
    cases: tuple[str, ...]
    findings: tuple[Finding, ...]
