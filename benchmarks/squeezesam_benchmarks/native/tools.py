"""The programs of this machine that building and emulating take."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from squeezesam.errors import MissingDependencyError

BUILDER = "cmake"
GENERATOR = "ninja"
HOST_COMPILER = "g++"
ARM64_COMPILER = "aarch64-linux-gnu-g++"
C_COMPILER = "gcc"
EMULATOR = "qemu-aarch64"
DEBIAN_PACKAGES = {
    BUILDER: "cmake",
    GENERATOR: "ninja-build",
    HOST_COMPILER: "g++",
    ARM64_COMPILER: "g++-aarch64-linux-gnu",
    C_COMPILER: "gcc",
    EMULATOR: "qemu-user",
    "taskset": "util-linux",
    "setarch": "util-linux",
}


def check_tools(purpose: str, tools: Sequence[str]) -> None:
    """See that programs are installed.

    Args:
        purpose: what takes them, to begin a sentence with.
        tools: names in DEBIAN_PACKAGES.

    Raises:
        MissingDependencyError: some are not; names them and the Debian packages.
    """
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        packages = dict.fromkeys(DEBIAN_PACKAGES[tool] for tool in missing)
        raise MissingDependencyError(
            f"{purpose} needs {', '.join(missing)}; apt-get install {' '.join(packages)}"
        )


def run_tool(words: Sequence[str | Path]) -> str:
    """Run a program and return what it printed.

    Raises:
        MissingDependencyError: it fails; tells the first line that names an error, or the last.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stdout + done.stderr  # ninja prints what the compiler said
        errors = [line for line in said.splitlines() if "error" in line.lower()]
        raise MissingDependencyError(
            f"{words[0]} fails: {errors[0] if errors else last_line(said)}"
        )
    return done.stdout


def last_line(text: str) -> str:
    """The last line of what a program said."""
    return (text.strip().splitlines() or ["no message"])[-1]


def first_line_of_version(tool: str) -> str:
    """The first line of `TOOL --version`."""
    return run_tool([tool, "--version"]).splitlines()[0]
