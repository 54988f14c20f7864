"""What may slow an Android device, asked of its services and of /sys."""

import math
import re

from squeezesam_benchmarks.android.adb import Adb
from squeezesam_benchmarks.schema import Condition

THERMAL_STATES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Names of `dumpsys thermalservice`'s numbers, from Android 10 on."""

CPU_SENSOR, SKIN_SENSOR = "0", "3"
TEMPERATURE = re.compile(r"Temperature\{mValue=([^,]+), mType=(\d+)")
NEXT = "squeezesam-next"
QUESTION = f"""
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
    thermal, battery, low_power, zones = adb.shell(QUESTION).stdout.split(f"{NEXT}\n")
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
