"""The ARM64 builds of the installed runtimes, fetched by pip and unpacked for reuse."""

import sys
import tempfile
import zipfile
from pathlib import Path

from squeezesam.files import whole_directory
from squeezesam_benchmarks.native.runtimes import Runtime
from squeezesam_benchmarks.native.tools import run_tool

PLATFORMS = ("manylinux_2_28_aarch64", "manylinux2014_aarch64")


def arm64_packages(runtime: Runtime, cache: Path) -> Path:
    """Where the runtime's ARM64 package lies, of the version that is installed for this machine.

    Args:
        runtime: of which.
        cache: keeps what was unpacked.

    Raises:
        MissingDependencyError: not installed here, or pip finds no ARM64 build of that version.
        OutputError: the cache cannot be written to.
    """
    _, version = runtime.installed()
    folder = (cache / f"{runtime.name}-{version}-aarch64").absolute()
    if not folder.is_dir():
        with whole_directory(folder) as partial, tempfile.TemporaryDirectory() as wheels:
            run_tool(download_command(f"{runtime.name}=={version}", Path(wheels)))
            (wheel,) = Path(wheels).iterdir()
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(
                    partial,
                    [name for name in archive.namelist() if name.startswith(runtime.needed)],
                )
    return folder


def download_command(requirement: str, folder: Path) -> list[str]:
    """What fetches one ARM64 wheel, from wherever pip is set up to look."""
    python = f"{sys.version_info.major}{sys.version_info.minor}"
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    words += ["--only-binary=:all:", "--python-version", python]
    for platform in PLATFORMS:
        words += ["--platform", platform]
    return [*words, "--dest", str(folder), requirement]
