"""Which of the connected Android devices is meant."""

import re
from dataclasses import dataclass

from squeezesam.errors import DeviceError
from squeezesam_benchmarks.android.adb import CALL_LIMIT_S, Adb, run_adb
from squeezesam_benchmarks.android.troubles import trouble
from squeezesam_benchmarks.native.tools import last_line

READY = "device"
SHELL_WITH_STATUS = "shell_v2"
LINE = re.compile(r"(?P<serial>\S+)\s+(?P<state>no permissions|\S+)(?:.*\bmodel:(?P<model>\S+))?")


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
    _, _, lines = done.stdout.partition("List of devices attached\n")
    matches = filter(None, map(LINE.match, lines.splitlines()))
    return [Listed(one["serial"], one["state"], one["model"]) for one in matches]


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
