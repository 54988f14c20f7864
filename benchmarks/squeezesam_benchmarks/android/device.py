"""What an Android device says of itself."""

import re

from squeezesam_benchmarks.android.adb import Adb
from squeezesam_benchmarks.android.cpu_parts import cores_of
from squeezesam_benchmarks.schema import Device

PROPERTIES = (
    "ro.product.manufacturer",
    "ro.product.model",
    "ro.soc.manufacturer",
    "ro.soc.model",
    "ro.build.version.release",
    "ro.build.version.sdk",
)
QUESTION = "\n".join(
    [
        *(f"getprop {name}" for name in PROPERTIES),
        "cat /sys/devices/system/cpu/present || echo",
        "cat /proc/cpuinfo",
    ]
)
RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def android_device(adb: Adb) -> Device:
    """Model, chip, cores and system; None for what it does not say.

    Raises:
        DeviceError: it is gone.
    """
    manufacturer, model, soc_maker, soc, release, sdk, present, *rest = (
        line.strip() for line in adb.said(QUESTION).splitlines()
    )
    return Device(
        place="android",
        model=" ".join(filter(None, (manufacturer, model))) or None,
        soc=" ".join(filter(None, (soc_maker, soc))) or None,
        cpu=cores_of("\n".join(rest)),
        cores=core_count(present),
        os=f"Android {release} (API {sdk})" if release else None,
    )


def core_count(ranges: str) -> int | None:
    """How many numbers the kernel's list has, such as 5 in `0-3,7`; None for an empty one."""
    found = RANGE.findall(ranges)
    return sum(int(last or first) - int(first) + 1 for first, last in found) or None
