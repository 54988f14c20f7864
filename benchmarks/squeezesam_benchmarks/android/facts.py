"""What an Android device says of itself, and what may slow it."""

import math
import re
from collections import Counter

from squeezesam_benchmarks.android.adb import Adb
from squeezesam_benchmarks.results.records import Condition, DeviceFacts

ARM, QUALCOMM = 0x41, 0x51
CPU_PARTS = {
    (ARM, 0xD03): "Cortex-A53",
    (ARM, 0xD04): "Cortex-A35",
    (ARM, 0xD05): "Cortex-A55",
    (ARM, 0xD07): "Cortex-A57",
    (ARM, 0xD08): "Cortex-A72",
    (ARM, 0xD09): "Cortex-A73",
    (ARM, 0xD0A): "Cortex-A75",
    (ARM, 0xD0B): "Cortex-A76",
    (ARM, 0xD0D): "Cortex-A77",
    (ARM, 0xD41): "Cortex-A78",
    (ARM, 0xD44): "Cortex-X1",
    (ARM, 0xD46): "Cortex-A510",
    (ARM, 0xD47): "Cortex-A710",
    (ARM, 0xD48): "Cortex-X2",
    (ARM, 0xD4B): "Cortex-A78C",
    (ARM, 0xD4C): "Cortex-X1C",
    (ARM, 0xD4D): "Cortex-A715",
    (ARM, 0xD4E): "Cortex-X3",
    (ARM, 0xD80): "Cortex-A520",
    (ARM, 0xD81): "Cortex-A720",
    (ARM, 0xD82): "Cortex-X4",
    (ARM, 0xD85): "Cortex-X925",
    (ARM, 0xD87): "Cortex-A725",
    (QUALCOMM, 0x800): "Kryo 2xx Gold",
    (QUALCOMM, 0x801): "Kryo 2xx Silver",
    (QUALCOMM, 0x802): "Kryo 3xx Gold",
    (QUALCOMM, 0x803): "Kryo 3xx Silver",
    (QUALCOMM, 0x804): "Kryo 4xx Gold",
    (QUALCOMM, 0x805): "Kryo 4xx Silver",
}
"""By implementer and part, as Linux' cputype.h has them."""

NUMBERS = re.compile(r"^CPU (?:implementer|part)\s*:\s*(0x[0-9a-f]+)", re.MULTILINE)


def cores_of(cpu_info: str) -> str | None:
    """Such as `4x Cortex-A510 + 1x Cortex-X3`; unknown parts by number, None where there is none.

    Args:
        cpu_info: text of /proc/cpuinfo.
    """
    numbers = [int(number, 16) for number in NUMBERS.findall(cpu_info)]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    names = Counter(CPU_PARTS.get(pair, f"{pair[0]:#04x}/{pair[1]:#05x}") for pair in pairs)
    return " + ".join(f"{count}x {name}" for name, count in names.items()) or None


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


def android_device(adb: Adb) -> DeviceFacts:
    """Model, chip, cores and system; None for what it does not say.

    Raises:
        DeviceError: it is gone.
    """
    manufacturer, model, soc_maker, soc, release, sdk, present, *rest = (
        line.strip() for line in adb.said(QUESTION).splitlines()
    )
    return DeviceFacts(
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


THERMAL_STATES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Names of `dumpsys thermalservice`'s numbers, from Android 10 on."""

CPU_SENSOR, SKIN_SENSOR = "0", "3"
TEMPERATURE = re.compile(r"Temperature\{mValue=([^,]+), mType=(\d+)")
NEXT = "squeezesam-next"
CONDITION_QUESTION = f"""
dumpsys thermalservice 2>/dev/null; echo {NEXT}
dumpsys battery 2>/dev/null; echo {NEXT}
settings get global low_power 2>/dev/null; echo {NEXT}
for zone in /sys/class/thermal/thermal_zone*; do
echo $(cat $zone/type $zone/temp 2>/dev/null)
done
"""
POWER_MODES = {"0": "normal", "1": "low_power"}
MILLI = 1e-3


def android_condition(adb: Adb) -> Condition:
    """Throttling, temperature, battery and power mode; None for what the device does not say.

    Raises:
        DeviceError: it is gone.
    """
    thermal, battery, low_power, zones = adb.shell(CONDITION_QUESTION).stdout.split(f"{NEXT}\n")
    temperature = service_temperature(thermal)
    return Condition(
        thermal_state=thermal_state(thermal),
        temperature_celsius=zone_temperature(zones) if temperature is None else temperature,
        battery_percent=battery_percent(battery),
        charging=charging(battery),
        power_mode=POWER_MODES.get(low_power.strip()),
    )


def thermal_state(thermal: str) -> str | None:
    """By the service's number."""
    status = re.search(r"^Thermal Status: (\d+)", thermal, re.MULTILINE)
    number = int(status[1]) if status else len(THERMAL_STATES)
    return THERMAL_STATES[number] if number < len(THERMAL_STATES) else None


def service_temperature(thermal: str) -> float | None:
    """The hottest sensor of the processor, or of the skin where there is none of the processor.

    The service also prints what it has cached, which may be old.
    """
    _, _, current = thermal.partition("Current temperatures from HAL:")
    known = [(kind, float(text)) for text, kind in TEMPERATURE.findall(current)]
    for wanted in (CPU_SENSOR, SKIN_SENSOR):
        values = [value for kind, value in known if kind == wanted and math.isfinite(value)]
        if values:
            return max(values)
    return None


def zone_temperature(zones: str) -> float | None:
    """The hottest thermal zone of /sys that is named after the processor."""
    found = re.findall(r"^\S*cpu\S* (-?\d+)$", zones, re.MULTILINE | re.IGNORECASE)
    return max(int(text) for text in found) * MILLI if found else None


def battery_percent(battery: str) -> float | None:
    """Charge in the service's own scale, made percent."""
    level, scale = (re.search(rf"^\s*{name}: (\d+)", battery, re.M) for name in ("level", "scale"))
    return 100 * int(level[1]) / int(scale[1]) if level and scale else None


def charging(battery: str) -> bool | None:
    """Whether one of the kinds of external power is there."""
    powered = re.findall(r"^\s*\w+ powered: (true|false)", battery, re.MULTILINE)
    return "true" in powered if powered else None
