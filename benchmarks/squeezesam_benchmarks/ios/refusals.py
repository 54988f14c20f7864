"""What phones and tools say when they refuse, what it means, and what mends it."""

from dataclasses import dataclass

from squeezesam.errors import DeviceError


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
