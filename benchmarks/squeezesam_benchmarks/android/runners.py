"""The folder of built runners that go to a device: programs and their shared libraries, flat."""

from collections.abc import Sequence
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.native.runtimes import RUNTIMES
from squeezesam_benchmarks.places import Subject

LIBRARIES = "*.so*"


def runner_of(subject: Subject) -> str:
    """Name of the program that runs an artifact."""
    return RUNTIMES[subject.path.suffix].runner


def runners_folder(chosen: Path | None) -> Path:
    """The folder that was chosen.

    Raises:
        ConfigError: none was, or it is no folder.
    """
    if chosen is None or not chosen.is_dir():
        said = "needs --runners" if chosen is None else f"finds no folder --runners {chosen}"
        raise ConfigError(f"--on android {said}; {how_to_build()}")
    return chosen


def files_to_push(folder: Path, subjects: Sequence[Subject]) -> list[Path]:
    """The runners that artifacts need, and all libraries.

    Raises:
        ConfigError: a runner is missing.
    """
    needed = dict.fromkeys(runner_of(subject) for subject in subjects)
    for name in needed:
        if not (folder / name).is_file():
            raise ConfigError(f"--runners {folder} has no {name}; {how_to_build()}")
    return [*(folder / name for name in needed), *sorted(folder.glob(LIBRARIES))]


def how_to_build() -> str:
    """Where the instructions are."""
    return (
        "build them with CMake's preset android-arm64, see squeezesam_benchmarks/native/README.md"
    )
