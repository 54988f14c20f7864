"""Running a program on an emulated processor and counting its instructions."""

import os
from dataclasses import dataclass
from pathlib import Path

from squeezesam_benchmarks.arm64.cpus import Cpu
from squeezesam_benchmarks.native import tools

ARM64_LIBRARIES = Path("/usr/aarch64-linux-gnu/lib")
"""Where Debian's cross compiler has the C and C++ libraries that its programs load."""


@dataclass(frozen=True)
class Emulator:
    """One processor, with what its programs see of the machine.

    Attributes:
        cpu: to emulate.
        root: the programs' file system where it differs from this machine's; see `make_root`.
        plugin: the built count_instructions.c.
    """

    cpu: Cpu
    root: Path
    plugin: Path

    def command(self, counted: Path) -> list[str]:
        """What goes before the program's own words; the count is written to `counted`.

        One core and fixed addresses, else counts of the same work differ.
        """
        core = max(os.sched_getaffinity(0))
        words = ["taskset", "--cpu-list", str(core), "setarch", "--addr-no-randomize"]
        words += [tools.EMULATOR, "-cpu", self.cpu.qemu, "-L", str(self.root)]
        return [*words, "-plugin", f"{self.plugin},out={counted}"]


def make_root(cpu: Cpu, root: Path) -> None:
    """A file system of ARM64 libraries and one processor, for the emulator's `-L`.

    The runtimes ask /proc and /sys for the processor and would find this machine's, on which
    ONNX Runtime crashes. Files of the root hide this machine's of the same name.
    """
    processors = root / "sys/devices/system/cpu"
    processors.mkdir(parents=True)
    for name in ("kernel_max", "possible", "present", "online"):
        (processors / name).write_text("0\n")
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(cpu_info(cpu))
    (root / "lib").symlink_to(ARM64_LIBRARIES)


def cpu_info(cpu: Cpu) -> str:
    """/proc/cpuinfo of an ARM64 machine with one such processor."""
    return (
        "processor\t: 0\n"
        f"CPU implementer\t: {cpu.implementer:#04x}\n"
        "CPU architecture: 8\n"
        "CPU variant\t: 0x0\n"
        f"CPU part\t: {cpu.part:#05x}\n"
        "CPU revision\t: 0\n"
    )
