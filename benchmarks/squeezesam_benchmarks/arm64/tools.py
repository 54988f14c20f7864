"""The programs of this machine that building and emulating take."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from squeezesam.errors import MissingDependencyError

EMULATOR = "qemu-aarch64"
ARM64_COMPILER = "aarch64-linux-gnu-g++"
HOST_COMPILER = "g++"
C_COMPILER = "gcc"
DEBIAN_PACKAGES = {
    EMULATOR: "qemu-user",
    ARM64_COMPILER: "g++-aarch64-linux-gnu",
    HOST_COMPILER: "g++",
    C_COMPILER: "gcc",
    "taskset": "util-linux",
    "setarch": "util-linux",
}
ARM64_LIBRARIES = Path("/usr/aarch64-linux-gnu/lib")
"""Where Debian's cross compiler has the C and C++ libraries that its programs load."""


def check_tools() -> None:
    """See that all of them are installed.

    Raises:
        MissingDependencyError: some are not; names them and the Debian packages.
    """
    missing = [tool for tool in DEBIAN_PACKAGES if shutil.which(tool) is None]
    if missing:
        packages = dict.fromkeys(DEBIAN_PACKAGES[tool] for tool in missing)
        raise MissingDependencyError(
            f"emulating ARM64 needs {', '.join(missing)}; apt-get install {' '.join(packages)}"
        )


def run_tool(words: Sequence[str | Path]) -> str:
    """Run a program and return what it printed.

    Raises:
        MissingDependencyError: it fails; tells its last line.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingDependencyError(f"{words[0]} fails: {last_line(done.stderr)}")
    return done.stdout


def last_line(text: str) -> str:
    """The last line of what a program said."""
    return (text.strip().splitlines() or ["no message"])[-1]


def first_line_of_version(tool: str) -> str:
    """The first line of `TOOL --version`."""
    return run_tool([tool, "--version"]).splitlines()[0]
