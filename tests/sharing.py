"""What one run of the tests makes once and shares: exports, built programs, stand-ins.

All processes of pytest-xdist have one folder for it. The first that asks for a thing makes it, and
the others wait for it. A thing is known by the hash of what it is made from, so that equal requests
of different modules get the same files. Tests must not alter them; those that do take a copy.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock
from small_networks import run

from squeezesam_benchmarks.arm64.emulator import arm64_packages
from squeezesam_benchmarks.devices import DeviceOptions
from squeezesam_benchmarks.native.building import build_runner
from squeezesam_benchmarks.native.runtimes import RUNTIMES


class Shared:
    """A folder of things that are made once in a run.

    Args:
        folder: the same one for all processes of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def made(self, make: Callable[[Path], object], *key: object) -> Path:
        """The folder that `make` filled; what `make` returns is thrown away.

        Args:
            make: fills the empty folder that it is given.
            key: all that the content depends on. A file counts by its content, everything else by
                its representation.
        """
        place = self.folder / digest(key)
        done = place.with_suffix(".done")
        with FileLock(place.with_suffix(".lock")):
            if not done.exists():
                shutil.rmtree(place, ignore_errors=True)  # of a process that was killed
                place.mkdir()
                make(place)
                done.touch()
        return place

    def export(self, *words: object) -> Path:
        """The directory that `squeezesam export` writes when it is given these words."""

        def make(out: Path) -> None:
            assert run("export", *words, "--out", out) == 0

        return self.made(make, "export", *words)

    def runners(self, preset: str) -> Path:
        """The folder of the native runners of all runtimes, for this machine or for ARM64.

        Raises:
            MissingDependencyError: a tool or the package of a runtime is missing.
        """

        def make(folder: Path) -> None:
            for runtime in RUNTIMES.values():
                packages = (
                    runtime.installed()[0]
                    if preset == "host"
                    else arm64_packages(runtime, DeviceOptions.cache.expanduser() / "arm64")
                )
                build_runner(preset, runtime, packages, folder)

        return self.made(make, "runners", preset)


def digest(key: tuple[Any, ...]) -> str:
    """The name of what is made from a key."""
    parts = (
        hashlib.sha256(part.read_bytes()).hexdigest()
        if isinstance(part, Path) and part.is_file()
        else repr(part)
        for part in key
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
