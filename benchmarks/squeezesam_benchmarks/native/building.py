"""The runners, built by CMake for this machine or for another."""

import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.runtimes import Runtime
from squeezesam_benchmarks.native.spec_header import write_spec_header

COMPILERS = {"host": tools.HOST_COMPILER, "arm64-linux": tools.ARM64_COMPILER}
"""By the preset of CMakePresets.json; the NDK brings its own, and is built by hand."""


def build_runner(preset: str, runtime: Runtime, packages: Path, folder: Path) -> Path:
    """Build the runner of one runtime.

    Args:
        preset: name in COMPILERS.
        runtime: to run artifacts in.
        packages: where the runtime's package for that processor lies.
        folder: gets the runner and, beside it, the libraries that it loads; other runners may lie
            there already.

    Returns:
        The runner.

    Raises:
        MissingDependencyError: a tool or the runtime is missing, or the compiler refuses.
    """
    tools.check_tools(
        "building the native runner", (tools.BUILDER, tools.GENERATOR, COMPILERS[preset])
    )
    _, version = runtime.installed()
    with (
        as_file(files(__package__)) as source,
        tempfile.TemporaryDirectory() as scratch,
    ):
        build = Path(scratch)
        write_spec_header(build)
        variables = {"SPEC_INCLUDE_DIR": build} | runtime.variables(packages, version)
        words = [f"-D{name}={value}" for name, value in variables.items()]
        tools.run_tool(["cmake", "--preset", preset, "-S", source, "-B", build, *words])
        tools.run_tool(["cmake", "--build", build])
        tools.run_tool(["cmake", "--install", build, "--prefix", folder.absolute()])
    return folder.absolute() / runtime.runner
