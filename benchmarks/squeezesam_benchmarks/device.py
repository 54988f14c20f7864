"""What the host says of itself."""

import os
import platform
import re
from pathlib import Path

from squeezesam_benchmarks.schema import Condition, Device

PRODUCT_NAMES = (Path("/sys/class/dmi/id/product_name"), Path("/proc/device-tree/model"))
CPU_INFO = Path("/proc/cpuinfo")
THERMAL_ZONES = Path("/sys/class/thermal")
POWER_SUPPLIES = Path("/sys/class/power_supply")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
MILLI = 1e-3


def host_device() -> Device:
    """Model, processor, cores and system of this machine; None for what it does not say."""
    product = next((path.read_text() for path in PRODUCT_NAMES if path.is_file()), "")
    info = CPU_INFO.read_text() if CPU_INFO.is_file() else ""
    cpu = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return Device(
        place="host",
        model=product.strip("\0\n ") or None,
        soc=None,
        cpu=cpu[1].strip() if cpu else platform.processor() or None,
        cores=os.cpu_count(),
        os=platform.platform(),
    )


def host_condition() -> Condition:
    """Hottest sensor, battery and governor of this machine; None for what it does not say."""
    temperatures = [said(path) for path in THERMAL_ZONES.glob("thermal_zone*/temp")]
    millidegrees = [int(text) for text in temperatures if text]
    battery = next(iter(sorted(POWER_SUPPLIES.glob("BAT*"))), None)
    charge = said(battery / "capacity") if battery else None
    status = said(battery / "status") if battery else None
    return Condition(
        temperature_celsius=max(millidegrees) * MILLI if millidegrees else None,
        battery_percent=float(charge) if charge else None,
        charging=status in ("Charging", "Full") if status else None,
        power_mode=said(GOVERNOR),
    )


def said(file: Path) -> str | None:
    """What a file of /sys holds; None where it is absent or its sensor does not answer."""
    try:
        return file.read_text().strip() or None
    except OSError:
        return None


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
