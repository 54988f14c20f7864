"""Under what circumstances results came about, for the record."""

import os
import platform
from importlib.metadata import distributions

from squeezesam.versions import TOOLS

PACKAGES = ("squeezesam", *TOOLS, "scipy", "pillow", "opencv-python-headless")


def package_versions() -> dict[str, str]:
    """Version of each package that can shape a result, as far as installed."""
    installed = {entry.name: entry.version for entry in distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def machine() -> dict[str, str]:
    """System, processor architecture and number of cores."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": str(os.cpu_count()),
    }
