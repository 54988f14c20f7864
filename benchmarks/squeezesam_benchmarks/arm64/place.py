"""An emulated ARM64 processor as a place to run artifacts: answers and counts, never times."""

import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.arm64.building import build_counter
from squeezesam_benchmarks.arm64.checking import Checker
from squeezesam_benchmarks.arm64.cpus import DEFAULT_CPU, Cpu, find_cpu
from squeezesam_benchmarks.arm64.emulator import Emulator, make_root
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.runtimes import RUNTIMES
from squeezesam_benchmarks.places import PlaceOptions, Subject, refuse_options
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.schema import Condition, Device, Measurement
from squeezesam_export.golden import read_golden
from squeezesam_export.golden_case import GoldenCase
from squeezesam_export.manifest import read_manifest

NAME = "arm64-emulated"


class EmulatedArm64:
    """Implements `places.Place`; two emulated processes and one native one for each artifact.

    Args:
        checker: of the processor.
        cases: golden cases to compare, spread over all.
    """

    default_threads: tuple[int | None, ...] = (1,)
    deterministic = True

    def __init__(self, checker: Checker, cases: int) -> None:
        self.checker = checker
        self.cases = cases
        self.device = Device(
            place=NAME,
            model=None,
            soc=None,
            cpu=checker.emulator.cpu.name,
            cores=1,
            os=platform.platform(),
        )

    def takes(self, subject: Subject) -> bool:
        """Whether there is a runner for it."""
        return subject.target in {runtime.target for runtime in RUNTIMES.values()}

    def check_threads(self, threads: Sequence[int | None]) -> None:
        """Refuse any number but 1: with more, counts are not of the artifact alone.

        Raises:
            ConfigError: another one.
        """
        for count in threads:
            if count != 1:
                raise ConfigError(f"threads={count} is not for --on {NAME}; leave --threads out")

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Build the runners of all runtimes, so that what is missing shows first.

        Raises:
            MissingDependencyError: a runtime is not installed, or not to be had for ARM64.
        """
        for suffix in sorted({subject.path.suffix for subject in subjects}):
            self.checker.runners_of(RUNTIMES[suffix])

    def condition(self) -> Condition:
        """An emulated processor has none."""
        return Condition()

    def measure(
        self,
        subject: Subject,
        threads: int | None,
        protocol: Protocol,  # noqa: ARG002 - a protocol is about time
    ) -> Measurement:
        """Compare with this machine and count.

        Raises:
            ArtifactError: it does not run, or lies in no export directory.
            MissingDependencyError: its runtime is not installed.
        """
        manifest = read_manifest(subject.path.parent)
        (network,) = (one for one in manifest.networks if subject.kind in one.recipe.kind.graphs)
        cases = spread(read_golden(subject.path.parent, network), self.cases)
        runtime = RUNTIMES[subject.path.suffix]
        _, version = runtime.installed()
        return Measurement(
            runtime=runtime.name,
            runtime_version=version,
            backend=runtime.backend,
            threads=threads,
            pinned_cores=None,
            load_ms=None,
            first_inference_ms=None,
            warm_samples_ms=(),
            pipeline_samples=(),
            sustained_samples_ms=(),
            peak_memory_bytes=None,
            memory_kind=None,
            emulation=self.checker.check(subject, network.input_size, cases),
        )


@contextmanager
def opened(options: PlaceOptions) -> Iterator[EmulatedArm64]:
    """A processor of `cpus.CPUS`.

    Raises:
        ConfigError: an unknown processor, an option for other places, or no case to compare.
        MissingDependencyError: a program is missing.
    """
    refuse_options(NAME, options, "device", "runners", "compute_units")
    if options.cases < 1:
        raise ConfigError(f"--cases {options.cases} compares nothing; give at least 1")
    cpu = find_cpu(options.cpu or DEFAULT_CPU)
    tools.check_tools("emulating ARM64", tuple(tools.DEBIAN_PACKAGES))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checker = Checker(make_emulator(cpu, folder), options.cache / "arm64", folder)
        yield EmulatedArm64(checker, options.cases)


def make_emulator(cpu: Cpu, folder: Path) -> Emulator:
    """Prepare what the emulator of a processor needs, in a folder that outlives it."""
    root = folder / "root"
    make_root(cpu, root)
    return Emulator(cpu, root, build_counter(folder))


def spread(cases: Sequence[GoldenCase], count: int) -> list[GoldenCase]:
    """So many of the cases, evenly spaced, or all when there are no more."""
    count = min(count, len(cases))
    return [cases[i * len(cases) // count] for i in range(count)]
