"""What goes wrong between this machine and a phone, and how to mend it."""

from squeezesam.errors import DeviceError
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
