"""A folder on the device that never outlives its run.

A keeper, a shell on the device, makes it and waits for the end of its standard input. That ends
when this process is done or killed and when the cable is pulled; the keeper then stops a runner
that is still running and removes the folder. Only a keeper that is killed itself, as by a reboot
or by a phone that ends all of adb's programs with the cable, leaves one behind. The folder's name
holds the keeper's process number and a random token of its command line, so that the next run,
from whatever computer, knows a folder without a keeper and removes it.
"""

import contextlib
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from squeezesam.errors import ConfigError, DeviceError
from squeezesam_benchmarks.android.adb import CALL_LIMIT_S, Adb, trouble
from squeezesam_benchmarks.devices import BenchmarkArtifact
from squeezesam_benchmarks.native.runtimes import RUNTIMES

PARENT = "/data/local/tmp"
RUNNER_PROCESS = "runner.pid"
"""File in the folder with the number of the runner's process, while there is one."""

RUNNER_NAME = "squeezesam_runner"
REMOVED = "removed"
REMOVE = f"""
runner=$(cat $folder/{RUNNER_PROCESS} 2>/dev/null)
case $(cat /proc/$runner/cmdline 2>/dev/null) in *{RUNNER_NAME}*) kill -9 $runner;; esac
rm -rf $folder && echo {REMOVED} $folder
"""
KEEPER = f"""
trap : HUP
cd {PARENT} || exit
folder=squeezesam-$$-{{token}}
mkdir $folder && echo $folder && cat >/dev/null
{REMOVE}
"""
SWEEP = f"""
cd {PARENT} || exit
for folder in squeezesam-*-*; do
[ -d $folder ] || continue
rest=${{folder#squeezesam-}}
case $(cat /proc/${{rest%%-*}}/cmdline 2>/dev/null) in *${{rest#*-}}*) continue;; esac
{REMOVE}
done
"""


@contextlib.contextmanager
def private_folder(adb: Adb, tell: Callable[[str], None]) -> Iterator[str]:
    """A new folder on the device, by its full path; gone at the end with all in it.

    Args:
        adb: the device.
        tell: takes a line on what was found or had to stay.

    Raises:
        DeviceError: it cannot be made, or, after a block that succeeded, not be removed.
    """
    for line in adb.said(SWEEP).splitlines():
        tell(f"{line} of an earlier run that was cut off, from device {adb.serial}")
    keeper = adb.start(KEEPER.format(token=secrets.token_hex(8)))
    try:
        name = first_line(keeper)
        if not name:
            raise trouble(adb.serial, keeper.communicate(timeout=CALL_LIMIT_S)[1])
        folder = f"{PARENT}/{name}"
        try:
            yield folder
        except BaseException:
            try:
                remove(adb, keeper, name)
            except DeviceError as left:
                tell(str(left))
            raise
        remove(adb, keeper, name)
    finally:
        keeper.kill()
        keeper.wait()


def first_line(process: "subprocess.Popen[str]") -> str:
    """What a process prints first; empty if it ends before that or takes too long."""
    assert process.stdout is not None
    timer = threading.Timer(CALL_LIMIT_S, process.kill)
    timer.start()
    try:
        return process.stdout.readline().strip()
    finally:
        timer.cancel()


def remove(adb: Adb, keeper: "subprocess.Popen[str]", name: str) -> None:
    """Have the keeper remove its folder; where its connection broke, see that it is gone.

    Raises:
        DeviceError: nobody knows; tells how to remove it by hand.
    """
    try:
        said, _ = keeper.communicate(timeout=CALL_LIMIT_S)
    except subprocess.TimeoutExpired:
        said = ""
    if REMOVED in said:
        return
    try:
        adb.wait()
        adb.said(f"cd {PARENT} && folder={name}\n{REMOVE}")
    except DeviceError as error:
        raise DeviceError(
            f"{error}; what is there removes itself, or the next run removes it; by hand: "
            f"adb -s {adb.serial} shell rm -rf {PARENT}/{name}"
        ) from error


LIBRARIES = "*.so*"


def runner_of(subject: BenchmarkArtifact) -> str:
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


def files_to_push(folder: Path, subjects: Sequence[BenchmarkArtifact]) -> list[Path]:
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
