"""The runners, built by CMake for this machine or for another.

Run as `python -m squeezesam_benchmarks.native.building FOLDER`.
"""

import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from squeezesam import spec
from squeezesam.files import whole_file
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.runtimes import Runtime

NUMBERS = {
    name: getattr(spec, name)
    for name in (
        "MAP_STRIDE",
        "PIXEL_MEAN",
        "PIXEL_SCALE",
        "PAD_BYTE",
        "DISC_RADIUS",
        "POINT_SLOTS",
        "TOKEN_SLOTS",
        "POSITION_FREQUENCIES",
        "TOKEN_FEATURES",
        "NUM_MASKS",
        "MASK_THRESHOLD",
        "SPECK_AREA",
        "PINHOLE_AREA",
        "FLIPPED_LOGIT",
        "SURROUNDINGS",
        "SMALLEST_VIEW",
        "OUTSIDE_LOGIT",
    )
}
NAMES = ("IMAGE", "PROMPT_MAPS", "PROMPT_TOKENS", "LOW_RES_MASKS")
ENUMS = (spec.PointLabel, spec.MapChannel)


def spec_header() -> str:
    """The text of spec.h."""
    lines = ["// Written by building.py.", "#pragma once", "", "namespace spec {", ""]
    for name, number in NUMBERS.items():
        kind = "int" if isinstance(number, int) else "float"
        lines.append(f"constexpr {kind} {name} = {number!r};")
    lines += [f'constexpr char {name}[] = "{getattr(spec, name)}";' for name in NAMES]
    lines.append(f"constexpr int MAP_CHANNELS = {len(spec.MapChannel)};")
    for enum in ENUMS:
        members = ", ".join(f"{member.name} = {member.value}" for member in enum)
        lines.append(f"namespace {enum.__name__} {{ enum {{ {members} }}; }}")
    return "\n".join([*lines, "", "}  // namespace spec", ""])


def write_spec_header(folder: Path) -> None:
    """Write spec.h into a folder.

    Raises:
        OutputError: it cannot be written to.
    """
    with whole_file(folder / "spec.h") as partial:
        partial.write_text(spec_header(), encoding="utf-8")


if __name__ == "__main__":
    write_spec_header(Path(sys.argv[1]))


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
