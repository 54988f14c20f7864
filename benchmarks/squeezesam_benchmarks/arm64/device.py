"""An emulated ARM64 processor as a device that runs artifacts: answers and counts, never times."""

import platform
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from squeezesam.data.records import spread
from squeezesam.errors import ArtifactError, ConfigError, VerificationError
from squeezesam.spec import NetworkKind, TensorSpec
from squeezesam_benchmarks.arm64.emulator import (
    DEFAULT_CPU,
    Cpu,
    Emulator,
    arm64_packages,
    build_counter,
    find_cpu,
    make_root,
)
from squeezesam_benchmarks.devices import BenchmarkArtifact, DeviceOptions, refuse_options
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.building import build_runner
from squeezesam_benchmarks.native.runner_command import tensor_words
from squeezesam_benchmarks.native.runtimes import RUNTIMES, Runtime
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.agreement import compare
from squeezesam_benchmarks.results.records import (
    SHORT_RUN,
    Condition,
    DeviceFacts,
    Emulation,
    Measurement,
)
from squeezesam_export.bundle.golden import read_golden
from squeezesam_export.bundle.manifest import read_manifest
from squeezesam_export.kinds.golden_case import GoldenCase

TYPES = {"float32": torch.float32, "float16": torch.float16}


def case_bytes(case: GoldenCase, kind: NetworkKind, io_dtypes: Mapping[str, str]) -> bytes:
    """The inputs of one graph in a case, one after another."""
    names, _ = kind.names()
    return b"".join(
        case.tensors[name].to(TYPES[io_dtypes[name]]).numpy().tobytes() for name in names
    )


def answers_of(
    raw: bytes, outputs: Sequence[TensorSpec], io_dtypes: Mapping[str, str]
) -> list[tuple[Tensor, ...]]:
    """The outputs of each case in float32, in their order and shapes.

    Raises:
        ArtifactError: the bytes end within a case.
    """
    layout = [(np.dtype(io_dtypes[spec.name]), spec.shape) for spec in outputs]
    case = np.dtype([(f"output{i}", *field) for i, field in enumerate(layout)])
    if len(raw) % case.itemsize:
        raise ArtifactError(f"an answer of {len(raw)} bytes is no multiple of {case.itemsize}")
    rows = np.frombuffer(raw, case)
    return [
        tuple(torch.from_numpy(row[name].astype(np.float32)) for name in case.names or ())
        for row in rows
    ]


class Checker:
    """Builds the runners of each runtime once and runs artifacts in them.

    Args:
        emulator: to run on.
        cache: keeps the ARM64 packages.
        folder: for what is built and exchanged.
    """

    def __init__(self, emulator: Emulator, cache: Path, folder: Path) -> None:
        self.emulator = emulator
        self.cache = cache
        self.folder = folder
        self.runners: dict[str, tuple[Path, Path]] = {}

    def check(
        self, subject: BenchmarkArtifact, size: int, cases: Sequence[GoldenCase]
    ) -> Emulation:
        """Compare and count.

        Args:
            subject: the artifact.
            size: side of its square input in pixels.
            cases: to compare; one at least.

        Raises:
            ArtifactError: it does not run, or answers NaN or infinity.
            MissingDependencyError: the runtime is not installed, or not to be had for ARM64.
        """
        here, there = self.runners_of(RUNTIMES[subject.path.suffix])
        io_dtypes = dict(subject.io_dtypes)
        inputs = [case_bytes(case, subject.kind, io_dtypes) for case in cases]
        words = tensor_words(subject.kind, size, io_dtypes)
        outputs = subject.kind.outputs(size)
        warm_up = [inputs[0]] * SHORT_RUN
        ours = self.run([str(here)], subject.path, inputs, words)
        short_run, _ = self.count(there, subject.path, warm_up, words)
        long_run, theirs = self.count(there, subject.path, warm_up + inputs, words)
        try:
            agreement = compare(
                [case.name for case in cases],
                answers_of(ours, outputs, io_dtypes),
                answers_of(theirs, outputs, io_dtypes)[SHORT_RUN:],
            )
        except VerificationError as error:
            raise ArtifactError(
                f"{subject.path.name} on {self.emulator.cpu.name}: {error}"
            ) from error
        return Emulation(
            cpu=self.emulator.cpu.name,
            emulator=tools.first_line_of_version(tools.EMULATOR),
            short_run_inferences=SHORT_RUN,
            short_run_instructions=short_run,
            long_run_inferences=SHORT_RUN + len(cases),
            long_run_instructions=long_run,
            identical=agreement.identical,
            max_difference=agreement.max_difference,
            min_mask_iou=agreement.min_mask_iou,
        )

    def runners_of(self, runtime: Runtime) -> tuple[Path, Path]:
        """The runner for this machine and the one for ARM64."""
        if runtime.name not in self.runners:
            packages, _ = runtime.installed()
            emulated = arm64_packages(runtime, self.cache)
            self.runners[runtime.name] = (
                build_runner("host", runtime, packages, self.folder / "here"),
                build_runner("arm64-linux", runtime, emulated, self.folder / "arm64"),
            )
        return self.runners[runtime.name]

    def count(
        self, runner: Path, artifact: Path, inputs: Sequence[bytes], words: Sequence[str]
    ) -> tuple[int, bytes]:
        """Run emulated; the number of instructions and the answers."""
        counted = self.folder / "count"
        answers = self.run([*self.emulator.command(counted), str(runner)], artifact, inputs, words)
        return int(counted.read_text()), answers

    def run(
        self, start: Sequence[str], artifact: Path, inputs: Sequence[bytes], words: Sequence[str]
    ) -> bytes:
        """Run a runner, on whatever processor.

        Raises:
            ArtifactError: it fails, as on an instruction that the processor lacks.
        """
        asked, answered = self.folder / "inputs", self.folder / "answers"
        asked.write_bytes(b"".join(inputs))
        done = subprocess.run(
            [*start, "answer", artifact.absolute(), asked, answered, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ArtifactError(
                f"{artifact.name} does not run on {self.emulator.cpu.name}, status "
                f"{done.returncode}: {tools.last_line(done.stderr)}"
            )
        return answered.read_bytes()


NAME = "arm64-emulated"


class EmulatedArm64:
    """Implements `devices.Device`; two emulated processes and one native one for each artifact.

    Args:
        checker: of the processor.
        cases: golden cases to compare, spread over all.
    """

    default_threads: tuple[int | None, ...] = (1,)
    deterministic = True

    def __init__(self, checker: Checker, cases: int) -> None:
        self.checker = checker
        self.cases = cases
        self.facts = DeviceFacts(
            place=NAME,
            model=None,
            soc=None,
            cpu=checker.emulator.cpu.name,
            cores=1,
            os=platform.platform(),
        )

    def takes(self, subject: BenchmarkArtifact) -> bool:
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

    def prepare(self, subjects: Sequence[BenchmarkArtifact]) -> None:
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
        subject: BenchmarkArtifact,
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
def connect(options: DeviceOptions) -> Iterator[EmulatedArm64]:
    """A processor of `emulator.CPUS`.

    Raises:
        ConfigError: an unknown processor, an option for other devices, or no case to compare.
        MissingDependencyError: a program is missing.
    """
    refuse_options(NAME, options, "cpu")
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
