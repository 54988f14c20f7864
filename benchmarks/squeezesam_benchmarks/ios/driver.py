"""A tool that reaches iPhones, the choice of one of them, and what refusals mean."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Interface

from squeezesam.errors import DeviceError
from squeezesam_benchmarks.ios.app import App


@dataclass(frozen=True)
class Refusal:
    """One cause.

    Attributes:
        words: of Apple's and pymobiledevice3's messages that tell it, any of them.
        meaning: in our words.
        mend: what to do.
    """

    words: tuple[str, ...]
    meaning: str
    mend: str


LOCKED = Refusal(
    (
        "for reason: locked",
        "could not be, unlocked",
        "device is locked",
        "unlock the device",
        "unlock and retry",
        "protected with a passcode",
        "passcode protected",
    ),
    "the iPhone is locked",
    "unlock it, and keep it unlocked while it measures",
)
DEVELOPER_MODE_OFF = Refusal(
    ("developer mode is disabled", "developer mode disabled"),
    "Developer Mode is off",
    "turn it on in Settings > Privacy & Security > Developer Mode",
)
REFUSALS = (
    Refusal(
        ("has not been explicitly trusted by the user",),
        "the iPhone does not trust the developer of the app",
        "trust them in Settings > General > VPN & Device Management",
    ),
    Refusal(
        (
            "integrity could not be verified",
            "applicationverificationfailed",
            "no code signature",
            "valid provisioning profile",
        ),
        "the app is not signed for this iPhone",
        "build it again with a team that has this iPhone registered",
    ),
    LOCKED,
    DEVELOPER_MODE_OFF,
    Refusal(
        ("unable to connect to tunneld", "serves no tunnel"),
        "there is no tunnel to the iPhone",
        "run `sudo pymobiledevice3 remote tunneld` beside this",
    ),
    Refusal(
        ("tunnel connection failed",),
        "there is no tunnel to the iPhone",
        "unplug the iPhone, plug it in again and unlock it",
    ),
    Refusal(
        ("does not trust this computer", "not paired", "trust dialog", "pairing record"),
        "the iPhone does not trust this computer",
        "unlock it and answer Trust",
    ),
    Refusal(
        ("connect to usbmuxd socket",),
        "usbmuxd does not run",
        "install and start it (Debian: apt-get install usbmuxd)",
    ),
    Refusal(
        ("disk image could not be mounted", "failed to start service"),
        "the iPhone's developer services do not start",
        "unlock it, and open Xcode once, or run `pymobiledevice3 mounter auto-mount`",
    ),
    Refusal(
        ("unable to find utility", "xcode-select"),
        "there is no devicectl",
        "install Xcode 15 or later and select it with `xcode-select`",
    ),
    Refusal(
        ("no such file", "file not found", "object_not_found"),
        "the app wrote nothing, so it crashed at its start",
        "look at its crash report in Settings > Privacy & Security > Analytics Data",
    ),
    Refusal(
        ("no space left", "not enough disk space", "insufficient storage"),
        "the iPhone is full",
        "free some storage on it",
    ),
    Refusal(
        (
            "device was not found",
            "device not found",
            "device is not connected",
            "connection was invalidated",
            "connection to this device could not be established",
        ),
        "the iPhone is gone",
        "connect it by cable again",
    ),
)


def refused(step: str, said: str) -> DeviceError:
    """The error for a step that failed.

    Args:
        step: what was tried, such as `installing the app`.
        said: the tool's message, of any number of lines.
    """
    heard = said.casefold()
    for refusal in REFUSALS:
        if any(words in heard for words in refusal.words):
            return refusal_error(step, refusal)
    line = " ".join(said.split()).rstrip(".") or "no message"
    return DeviceError(f"{step} failed: {line}; see that the iPhone is awake, and try again")


def refusal_error(step: str, refusal: Refusal) -> DeviceError:
    """The error for a step that failed for a known cause."""
    return DeviceError(f"{step} failed: {refusal.meaning}; {refusal.mend}")


LONGEST_S = 300.0
"""For every step but running the app."""


class HungError(DeviceError):
    """A step that did not end in time."""


def call(
    step: str,
    command: Sequence[str],
    longest_s: float,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end, whatever its status.

    Args:
        step: what it is for, such as `installing the app`.
        command: its words.
        longest_s: after which it is killed.
        environment: of the tool; None for ours.

    Raises:
        HungError: it was killed.
    """
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=longest_s,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise HungError(
            f"{step} took more than {longest_s:g} s; see that the iPhone is awake and try again"
        ) from error


@dataclass(frozen=True)
class Phone:
    """An iPhone or iPad that a tool knows of.

    Attributes:
        udid: by which it is named with `--device`.
        name: that its owner gave it.
        model: product name, else its identifier, such as `iPhone14,5`.
        os_version: of iOS or iPadOS, such as `18.1`.
        trusted: whether it is paired with this computer.
    """

    udid: str
    name: str
    model: str
    os_version: str
    trusted: bool = True


class Driver(Interface):
    """One tool, with the same steps for all.

    Every step raises DeviceError where the phone or the tool refuses, with the cause and the mend.
    """

    def phones(self) -> list[Phone]:
        """Those within reach."""

    def check(self, phone: Phone) -> None:
        """See that it is unlocked and in Developer Mode, before anything is copied."""

    def install(self, phone: Phone, app: App) -> None:
        """Install the app, or replace it; what its container holds stays."""

    def push(self, phone: Phone, app: App, source: Path) -> None:
        """Copy a file or directory into `app.FOLDER` of the container, under its own name."""

    def launch(self, phone: Phone, app: App, words: Sequence[str], longest_s: float) -> None:
        """Run the app in a fresh process to its end.

        Raises:
            HungError: it still ran after `longest_s`; the next launch ends it.
        """

    def pull(self, phone: Phone, app: App, name: str, destination: Path) -> None:
        """Copy a file of `app.FOLDER` to a path here."""


def choose(phones: Sequence[Phone], udid: str | None) -> Phone:
    """The phone of that UDID, or the only one.

    Raises:
        DeviceError: none, none of that UDID, several without a UDID, or it trusts us not.
    """
    listed = ", ".join(f"{phone.name} ({phone.udid})" for phone in phones)
    if not phones:
        raise DeviceError("no iPhone is connected; connect one by cable and unlock it")
    if udid is not None:
        matching = [phone for phone in phones if phone.udid.casefold() == udid.casefold()]
        if not matching:
            raise DeviceError(f"no iPhone has --device {udid}; connected: {listed}")
    elif len(phones) > 1:
        raise DeviceError(f"several iPhones are connected; choose one with --device: {listed}")
    else:
        matching = list(phones)
    (phone,) = matching
    if not phone.trusted:
        raise DeviceError(
            f"{phone.name} is not paired with this computer; unlock it and answer Trust"
        )
    return phone
