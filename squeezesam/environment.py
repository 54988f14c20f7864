"""The machine, the installed tools and the command line, for the record of every result."""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distributions, version

from squeezesam.errors import MissingDependencyError

TOOLS = ("torch", "executorch", "torchao", "coremltools", "onnx", "onnxruntime", "numpy")

PINNED_PAIR = {"torch": "2.13.0", "executorch": "1.5.1"}
"""ExecuTorch's kernels are built against exactly one torch, yet it declares none."""


def tool_versions() -> dict[str, str | None]:
    """Installed version of each tool that shapes an artifact; None where it is absent."""
    return {tool: _version(tool) for tool in TOOLS}


def check_pair() -> None:
    """See that torch and executorch are the pair that was seen working.

    Raises:
        MissingDependencyError: one of them is absent or of another version.
    """
    found = {tool: _version(tool) for tool in PINNED_PAIR}
    # The local part, as in 2.13.0+cpu, names a build of the same version.
    if {tool: (text or "").split("+")[0] for tool, text in found.items()} != PINNED_PAIR:
        wanted = " and ".join(f"{tool} {pin}" for tool, pin in PINNED_PAIR.items())
        present = " and ".join(f"{tool} {text or 'absent'}" for tool, text in found.items())
        pins = " ".join(f"{tool}=={pin}" for tool, pin in PINNED_PAIR.items())
        raise MissingDependencyError(
            f"ExecuTorch needs the pair {wanted}, found {present}; pip install {pins}"
        )


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


PACKAGES = ("squeezesam", *TOOLS, "scipy", "pillow", "opencv-python-headless")


def package_versions() -> dict[str, str]:
    """Version of each package that can shape a result, as far as installed."""
    installed = {entry.name: entry.version for entry in distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def machine() -> dict[str, str]:
    """System, processor architecture and number of cores."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": str(os.cpu_count()),
    }


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def typed_command() -> str:
    """The command line under which this process runs."""
    return shlex.join(["squeezesam", *sys.argv[1:]])


def source_line(packages: Sequence[str]) -> str:
    """Command, date, machine and the versions of some packages, to stand below a table."""
    here, versions = machine(), package_versions()
    known = [f"{name} {versions[name]}" for name in packages if name in versions]
    cores = f"{here['cores']} cores"
    date = str(datetime.now(UTC).date())
    return ", ".join([f"`{typed_command()}`", date, here["system"], cores, *known])
