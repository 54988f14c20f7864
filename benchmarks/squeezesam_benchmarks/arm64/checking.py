"""One artifact on this machine and on an emulated processor."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from squeezesam.errors import ArtifactError, VerificationError
from squeezesam_benchmarks.arm64.agreement import compare
from squeezesam_benchmarks.arm64.emulator import Emulator
from squeezesam_benchmarks.arm64.method import SHORT_RUN
from squeezesam_benchmarks.arm64.packages import arm64_packages
from squeezesam_benchmarks.arm64.tensors import answers_of, case_bytes
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.building import build_runner
from squeezesam_benchmarks.native.runtimes import RUNTIMES, Runtime
from squeezesam_benchmarks.native.words import tensor_words
from squeezesam_benchmarks.places import Subject
from squeezesam_benchmarks.schema import Emulation
from squeezesam_export.golden_case import GoldenCase


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

    def check(self, subject: Subject, size: int, cases: Sequence[GoldenCase]) -> Emulation:
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
