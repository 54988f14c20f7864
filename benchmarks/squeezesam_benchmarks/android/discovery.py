"""Which of the connected Android devices is meant."""

import re
from dataclasses import dataclass

from squeezesam.errors import DeviceError
from squeezesam_benchmarks.android.adb import CALL_LIMIT_S, Adb, run_adb
from squeezesam_benchmarks.android.troubles import trouble
from squeezesam_benchmarks.native.tools import last_line

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
