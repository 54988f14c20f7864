"""What the host says of itself."""

import os
import platform
import re
from pathlib import Path

from squeezesam_benchmarks.schema import Device

PRODUCT_NAMES = (Path("/sys/class/dmi/id/product_name"), Path("/proc/device-tree/model"))
CPU_INFO = Path("/proc/cpuinfo")


def host_device() -> Device:
    """Model, processor, cores and system of this machine; None for what it does not say."""
    product = next((path.read_text() for path in PRODUCT_NAMES if path.is_file()), "")
    info = CPU_INFO.read_text() if CPU_INFO.is_file() else ""
    cpu = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return Device(
        model=product.strip("\0\n ") or None,
        cpu=cpu[1].strip() if cpu else platform.processor() or None,
        cores=os.cpu_count(),
        os=platform.platform(),
    )


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
