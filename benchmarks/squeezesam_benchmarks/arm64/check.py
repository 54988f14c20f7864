"""The artifacts of an export directory on an emulated processor."""

import dataclasses
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.files import whole_file
from squeezesam_benchmarks.arm64.building import build_counter
from squeezesam_benchmarks.arm64.checking import Checker
from squeezesam_benchmarks.arm64.cpus import DEFAULT_CPU, Cpu, find_cpu
from squeezesam_benchmarks.arm64.emulator import Emulator, make_root
from squeezesam_benchmarks.arm64.records import METHOD, SCHEMA_VERSION, SHORT_RUN, Finding, Report
from squeezesam_benchmarks.device import host_device
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.runtimes import RUNTIMES
from squeezesam_benchmarks.subjects import listed_subjects
from squeezesam_export.golden import Answered, read_golden
from squeezesam_export.manifest import read_manifest

DEFAULT_CACHE = Path("~/.cache/squeezesam/arm64")


@dataclass(frozen=True)
class CheckOptions:
    """How to check.

    Attributes:
        artifacts: an export directory.
        cpu: name in `cpus.CPUS`.
        cases: golden cases to compare, spread over all.
        cache: keeps the ARM64 packages of the runtimes.
    """

    artifacts: Path
    cpu: str = DEFAULT_CPU
    cases: int = 2
    cache: Path = DEFAULT_CACHE

    def __post_init__(self) -> None:
        if self.cases < 1:
            raise ConfigError(f"--cases {self.cases} compares nothing; give at least 1")


def check_on_arm64(
    options: CheckOptions, command: str, progress: Callable[[Finding], None]
) -> Report:
    """Run every artifact on this machine and emulated, compare, and count instructions.

    Args:
        options: how.
        command: what was typed, for the record.
        progress: told of each finding.

    Raises:
        ConfigError: an unknown processor.
        MissingDependencyError: a program or a runtime is missing.
        ArtifactError: the export directory is damaged, or holds no .onnx or .pte.
    """
    cpu = find_cpu(options.cpu)
    tools.check_tools("emulating ARM64", tuple(tools.DEBIAN_PACKAGES))
    manifest = read_manifest(options.artifacts)
    io_dtypes = {artifact.file: artifact.io_dtypes for artifact in manifest.artifacts}
    subjects = [one for one in listed_subjects(options.artifacts) if one.path.suffix in RUNTIMES]
    if not subjects:
        raise ArtifactError(f"{options.artifacts} has nothing to emulate; export onnx, executorch")
    cases = spread(read_golden(options.artifacts, manifest), options.cases)
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    findings = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checker = Checker(make_emulator(cpu, folder), options.cache.expanduser(), folder)
        for subject in subjects:
            dtypes: dict[str, str] = dict(io_dtypes[subject.artifact.name])
            findings.append(checker.check(subject, manifest.contract, dtypes, cases))
            progress(findings[-1])
    return Report(
        schema_version=SCHEMA_VERSION,
        started_at=started_at,
        command=command,
        device=host_device(),
        versions={
            "emulator": tools.first_line_of_version(tools.EMULATOR),
            "compiler": tools.first_line_of_version(tools.ARM64_COMPILER),
        },
        cpu=cpu,
        method=METHOD,
        short_run_inferences=SHORT_RUN,
        cases=tuple(case.name for case in cases),
        findings=tuple(findings),
    )


def make_emulator(cpu: Cpu, folder: Path) -> Emulator:
    """Prepare what the emulator of a processor needs, in a folder that outlives it."""
    root = folder / "root"
    make_root(cpu, root)
    return Emulator(cpu, root, build_counter(folder))


def spread(cases: Sequence[Answered], count: int) -> list[Answered]:
    """So many of the cases, evenly spaced, or all when there are no more."""
    count = min(count, len(cases))
    return [cases[i * len(cases) // count] for i in range(count)]


def write_report(report: Report, path: Path) -> None:
    """Write it as JSON.

    Raises:
        OutputError: the place cannot be written to.
    """
    with whole_file(path) as partial:
        partial.write_text(json.dumps(dataclasses.asdict(report), indent=2) + "\n")
