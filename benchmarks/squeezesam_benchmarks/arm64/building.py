"""The programs of folder `native`, built for this machine and for ARM64."""

from importlib.resources import as_file, files
from pathlib import Path

from squeezesam_benchmarks.arm64 import tools
from squeezesam_benchmarks.arm64.runtimes import Runtime


def build_runner(compiler: str, runtime: Runtime, packages: Path, folder: Path) -> Path:
    """Build the runner of one runtime.

    Args:
        compiler: for the processor that will run it.
        runtime: to run artifacts in.
        packages: where the runtime's package for that processor lies.
        folder: new; the runner stays there.

    Raises:
        MissingDependencyError: the compiler refuses.
    """
    folder.mkdir()
    runner = folder / "runner"
    with as_file(files(__package__) / "native") as native:
        tools.run_tool(
            [
                compiler,
                "-O2",
                "-std=c++17",
                native / "main.cpp",
                native / runtime.source,
                *runtime.flags(packages, folder),
                "-o",
                runner,
            ]
        )
    return runner


def build_counter(folder: Path) -> Path:
    """Build the emulator's plugin that counts instructions.

    Raises:
        MissingDependencyError: the compiler refuses.
    """
    plugin = folder / "count_instructions.so"
    with as_file(files(__package__) / "native" / "count_instructions.c") as source:
        tools.run_tool([tools.C_COMPILER, "-O2", "-shared", "-fPIC", source, "-o", plugin])
    return plugin
