"""The emulator's plugin that counts instructions, built for this machine."""

from importlib.resources import as_file, files
from pathlib import Path

from squeezesam_benchmarks.native import tools


def build_counter(folder: Path) -> Path:
    """Build it into a folder.

    Raises:
        MissingDependencyError: the compiler refuses.
    """
    plugin = folder / "count_instructions.so"
    with as_file(files(__package__) / "count_instructions.c") as source:
        tools.run_tool([tools.C_COMPILER, "-O2", "-shared", "-fPIC", source, "-o", plugin])
    return plugin
