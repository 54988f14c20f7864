"""The adb client: which device is meant, and calls that end, in a typed error if need be."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import DeviceError, MissingDependencyError
from squeezesam_benchmarks.native.tools import last_line

MENDS = {
    "unauthorized": "does not trust this computer; unlock the phone and accept its dialog",
    "authorizing": "does not trust this computer yet; unlock the phone and accept its dialog",
    "no permissions": "may not be opened by this user; add udev rules for it, such as those of "
    "Debian's android-sdk-platform-tools-common",
    "offline": "is offline; plug it in again, or try `adb reconnect offline`",
    "not found": "is gone; plug it in again and see `adb devices`",
    "No space left on device": "is full; make room on its /data",
}
"""By words of adb's messages, which are also the states that it lists devices in."""

LOST = "lost its connection; see that the cable sits and the phone stays on"


def trouble(serial: str, said: str) -> DeviceError:
    """An error for what adb said of a device; a connection that breaks leaves it speechless."""
    for words, mend in MENDS.items():
        if words in said:
            return DeviceError(f"device {serial} {mend}")
    if not said.strip():
        return DeviceError(f"device {serial} {LOST}")
    return refusal(serial, said)


def refusal(serial: str, said: str) -> DeviceError:
    """An error for what a device's own program complains of."""
    return DeviceError(f"device {serial} refuses: {last_line(said)}")


CALL_LIMIT_S = 60.0
RETURN_LIMIT_S = 10.0
SLOWEST_PUSH_BYTES_PER_S = 0.5e6
END = "squeezesam-end"
"""Printed after each command: a client whose connection breaks exits with status 0."""


@dataclass(frozen=True)
class AdbAnswer:
    """What a command on the device printed, and its exit status: 128 and the signal if killed."""

    stdout: str
    stderr: str
    status: int


def run_adb(words: Sequence[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run the client to its end.

    Raises:
        DeviceError: it takes longer than the limit.
        MissingDependencyError: it is not installed.
    """
    try:
        return subprocess.run(
            ["adb", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingDependencyError(
            "adb is not installed; apt-get install adb, or install Android's platform-tools"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"`adb {' '.join(words[:3])}` did not end within {limit_s:g} s; plug the phone in again"
        ) from error


class Adb:
    """One device.

    Args:
        serial: as `adb devices` lists it.
    """

    def __init__(self, serial: str) -> None:
        self.serial = serial

    def call(self, words: Sequence[str], limit_s: float = CALL_LIMIT_S) -> str:
        """What a subcommand of adb prints.

        Raises:
            DeviceError: it fails.
        """
        done = run_adb(["-s", self.serial, *words], limit_s)
        if done.returncode:
            raise trouble(self.serial, done.stderr or done.stdout)
        return done.stdout

    def shell(self, script: str, limit_s: float = CALL_LIMIT_S) -> AdbAnswer:
        """Run a script on the device, whatever its exit status.

        Raises:
            DeviceError: the device cannot be reached or goes away before the end.
        """
        asked = f"(\n{script}\n)\necho {END} $? >&2"
        done = run_adb(["-s", self.serial, "shell", asked], limit_s)
        said, ended, status = done.stderr.rpartition(END)
        if not ended:
            raise trouble(self.serial, done.stderr)
        return AdbAnswer(done.stdout, said, int(status))

    def said(self, script: str) -> str:
        """What a script prints that must not fail.

        Raises:
            DeviceError: it fails, or the device goes away.
        """
        answer = self.shell(script)
        if answer.status:
            raise refusal(self.serial, answer.stderr or f"exit status {answer.status}")
        return answer.stdout

    def start(self, script: str) -> subprocess.Popen[str]:
        """Run a script on the device beside this process, out of reach of the terminal's Ctrl-C."""
        return subprocess.Popen(
            ["adb", "-s", self.serial, "shell", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def push(self, files: Sequence[Path], folder: str) -> None:
        """Copy files into a folder of the device.

        Raises:
            DeviceError: it is full, refuses, or goes away.
        """
        size_bytes = sum(file.stat().st_size for file in files)
        limit_s = CALL_LIMIT_S + size_bytes / SLOWEST_PUSH_BYTES_PER_S
        self.call(["push", *(str(file.absolute()) for file in files), f"{folder}/"], limit_s)

    def wait(self) -> None:
        """Wait for a connection that broke to come back.

        Raises:
            DeviceError: it does not within RETURN_LIMIT_S.
        """
        self.call(["wait-for-device"], RETURN_LIMIT_S)


READY = "device"
SHELL_WITH_STATUS = "shell_v2"
HEADER = re.compile(r"^List of devices attached[ \t\r]*\n", re.MULTILINE)
DAEMON_REMARK = "* "
"""What adb says between the header and the devices while it starts its server."""

LINE = re.compile(
    # A serial may hold spaces, as names of devices found by mDNS do; behind the state stand
    # fields without any.
    r"(?P<serial>.+?)\s+(?:(?P<refused>no permissions)\b.*|(?P<state>[a-z]+)"
    r"(?:\s+(?!model:)\S+:\S+)*(?:\s+model:(?P<model>\S+))?(?:\s+\S+:\S+)*)\s*"
)
"""A line of `adb devices -l`."""


@dataclass(frozen=True)
class Listed:
    """A device as adb lists it, ready or not.

    Attributes:
        serial: number, or address and port.
        state: `device` for a ready one.
        model: None where it does not say, as before it trusts this computer.
    """

    serial: str
    state: str
    model: str | None


def listed_devices() -> list[Listed]:
    """All devices that adb sees.

    Raises:
        DeviceError: adb fails.
        MissingDependencyError: adb is not installed.
    """
    done = run_adb(["devices", "-l"], CALL_LIMIT_S)
    if done.returncode:
        raise DeviceError(f"`adb devices` fails: {last_line(done.stderr)}; try `adb kill-server`")
    _, *devices = HEADER.split(done.stdout, maxsplit=1)
    lines = "".join(devices).split("\n")
    listed = (line for line in lines if not line.startswith(DAEMON_REMARK))
    matches = filter(None, map(LINE.fullmatch, listed))
    return [Listed(one["serial"], one["state"] or one["refused"], one["model"]) for one in matches]


def find_device(serial: str | None) -> Adb:
    """The device of a serial number, or the only one.

    Raises:
        DeviceError: none, several to choose from, or one that is not ready.
    """
    devices = listed_devices()
    if not devices:
        raise DeviceError(
            "no Android device is connected; plug one in with USB debugging on, or `adb connect` it"
        )
    names = ", ".join(f"{one.serial} ({one.model or one.state})" for one in devices)
    if serial is not None:
        devices = [one for one in devices if one.serial == serial]
    if not devices:
        raise DeviceError(f"no device {serial} is connected; --device takes one of {names}")
    if len(devices) > 1:
        raise DeviceError(f"several devices are connected; name one with --device: {names}")
    (device,) = devices
    if device.state != READY:
        raise trouble(device.serial, f"it is in state {device.state}; start Android on it")
    adb = Adb(device.serial)
    if SHELL_WITH_STATUS not in adb.call(["features"]).split():
        raise DeviceError(f"device {adb.serial} is too old; Android 7 or later is needed")
    return adb
