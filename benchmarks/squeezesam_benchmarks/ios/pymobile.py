"""iPhones through the command line of pymobiledevice3, where only Linux is at hand.

Its commands are those of version 11.45; no iPhone was there to try them on. It answers in JSON, but
tells errors in its log only. Launching goes through Apple's CoreDevice, which iOS has from 17 on;
from 17.4 on pymobiledevice3 makes its own tunnel, before that it wants `remote tunneld`.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from squeezesam.errors import DeviceError
from squeezesam_benchmarks.ios.app import FOLDER, App
from squeezesam_benchmarks.ios.driver import (
    DEVELOPER_MODE_OFF,
    LOCKED,
    LONGEST_S,
    Phone,
    call,
    refusal_error,
    refused,
)

PROGRAM = "pymobiledevice3"
LEAST_OS = 17
ERROR_MARK = " ERROR "
"""Between time and message in a line of its log."""


class PyMobileDevice:
    """Implements `driver.Driver`."""

    def phones(self) -> list[Phone]:
        """Those that usbmuxd knows, each once though it is there by cable and network."""
        listed = _json("listing iPhones", ["usbmux", "list"])
        phones = {
            device["UniqueDeviceID"]: Phone(
                udid=device["UniqueDeviceID"],
                name=device.get("DeviceName") or "iPhone",
                model=device.get("ProductType") or "iPhone",
                os_version=device.get("ProductVersion") or "",
            )
            for device in listed
            if device.get("UniqueDeviceID")
        }
        return list(phones.values())

    def check(self, phone: Phone) -> None:
        """See that it is paired, unlocked, in Developer Mode, and new enough to launch on."""
        step = f"looking at {phone.name}"
        major = phone.os_version.partition(".")[0]
        if major.isdecimal() and int(major) < LEAST_OS:
            raise DeviceError(
                f"{phone.name} has iOS {phone.os_version}, where {PROGRAM} cannot launch and wait; "
                f"take iOS {LEAST_OS} or later, or a Mac"
            )
        if _json(step, ["amfi", "developer-mode-status"], phone) is False:
            raise refusal_error(step, DEVELOPER_MODE_OFF)
        lock = _json(step, ["developer", "core-device", "get-lockstate"], phone)
        if lock.get("passcodeRequired"):
            raise refusal_error(step, LOCKED)

    def install(self, phone: Phone, app: App) -> None:
        """Install the app, or replace it."""
        _call("installing the app", ["apps", "install", str(app.path)], phone)

    def push(self, phone: Phone, app: App, source: Path) -> None:
        """Copy into FOLDER; a directory goes into the destination under its own name."""
        destination = FOLDER if source.is_dir() else f"{FOLDER}/{source.name}"
        words = ["apps", "push", app.bundle_id, str(source), destination]
        _call(f"copying {source.name} to {phone.name}", words, phone)

    def launch(self, phone: Phone, app: App, words: Sequence[str], longest_s: float) -> None:
        """Run the app to its end, which `--console` waits for."""
        verb = ["developer", "core-device", "launch-application", "--console"]
        _call("launching the app", [*verb, app.bundle_id, *words], phone, longest_s)

    def pull(self, phone: Phone, app: App, name: str, destination: Path) -> None:
        """Copy a file of FOLDER to a path here."""
        words = ["apps", "pull", app.bundle_id, f"{FOLDER}/{name}", str(destination)]
        _call(f"fetching the app's answer from {phone.name}", words, phone)


def _call(
    step: str, words: Sequence[str], phone: Phone | None = None, longest_s: float = LONGEST_S
) -> str:
    """What a command prints."""
    chosen = {} if phone is None else {"PYMOBILEDEVICE3_UDID": phone.udid}
    done = call(step, [PROGRAM, "--no-color", *words], longest_s, {**os.environ, **chosen})
    if done.returncode:
        raise refused(step, _errors(done.stderr))
    return done.stdout


def _json(step: str, words: Sequence[str], phone: Phone | None = None) -> Any:
    told = _call(step, words, phone)
    try:
        return json.loads(told)
    except ValueError as error:
        raise refused(step, f"{PROGRAM} gave no JSON") from error


def _errors(log: str) -> str:
    """The messages of the errors in a log; its last line where none is marked as one."""
    lines = log.strip().splitlines()
    marked = [line.partition(ERROR_MARK)[2] for line in lines if ERROR_MARK in line]
    return "; ".join(marked or lines[-1:])
