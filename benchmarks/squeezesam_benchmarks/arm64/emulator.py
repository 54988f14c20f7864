"""Emulated ARM64 processors: programs, counted instructions, and the runtimes built for them."""

import os
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.errors import ConfigError
from squeezesam.files import whole_directory
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.tools import run_tool

if TYPE_CHECKING:
    from squeezesam_benchmarks.native.runtimes import Runtime


@dataclass(frozen=True)
class Cpu:
    """A processor as the emulator and as /proc/cpuinfo name it.

    Attributes:
        name: on the command line.
        qemu: the emulator's `-cpu`.
        implementer: of the main ID register, by which runtimes choose kernels; 0 for none.
        part: likewise.
        meaning: which instructions it has.
    """

    name: str
    qemu: str
    implementer: int
    part: int
    meaning: str


CPUS = {
    cpu.name: cpu
    for cpu in (
        Cpu("cortex-a53", "cortex-a53", 0x41, 0xD03, "ARMv8.0: NEON without dot products"),
        Cpu("cortex-a76", "cortex-a76", 0x41, 0xD0B, "ARMv8.2: NEON with fp16 and dot products"),
        Cpu("neon", "max,sve=off,sme=off", 0, 0, "all that QEMU knows but SVE and SME: with i8mm"),
        Cpu("max", "max", 0, 0, "all that QEMU knows, SVE and SME included"),
    )
}
DEFAULT_CPU = "cortex-a76"
"""Not `max`: with its SME, ExecuTorch 1.5.1 answers nonsense in int8 under QEMU 7.2; with SVE or
SME switched off it agrees with x86."""


def find_cpu(name: str) -> Cpu:
    """The processor of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in CPUS:
        raise ConfigError(f"unknown --cpu {name!r}; choose from {', '.join(CPUS)}")
    return CPUS[name]


def build_counter(folder: Path) -> Path:
    """Build it into a folder.

    Raises:
        MissingDependencyError: the compiler refuses.
    """
    plugin = folder / "count_instructions.so"
    with as_file(files(__package__) / "count_instructions.c") as source:
        tools.run_tool([tools.C_COMPILER, "-O2", "-shared", "-fPIC", source, "-o", plugin])
    return plugin


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


PLATFORMS = ("manylinux_2_28_aarch64", "manylinux2014_aarch64")


def arm64_packages(runtime: "Runtime", cache: Path) -> Path:
    """Where the runtime's ARM64 package lies, of the version that is installed for this machine.

    Args:
        runtime: of which.
        cache: keeps what was unpacked.

    Raises:
        MissingDependencyError: not installed here, or pip finds no ARM64 build of that version.
        OutputError: the cache cannot be written to.
    """
    _, version = runtime.installed()
    folder = (cache / f"{runtime.name}-{version}-aarch64").absolute()
    if not folder.is_dir():
        with whole_directory(folder) as partial, tempfile.TemporaryDirectory() as wheels:
            run_tool(download_command(f"{runtime.name}=={version}", Path(wheels)))
            (wheel,) = Path(wheels).iterdir()
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(
                    partial,
                    [name for name in archive.namelist() if name.startswith(runtime.needed)],
                )
    return folder


def download_command(requirement: str, folder: Path) -> list[str]:
    """What fetches one ARM64 wheel, from wherever pip is set up to look."""
    python = f"{sys.version_info.major}{sys.version_info.minor}"
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    words += ["--only-binary=:all:", "--python-version", python]
    for platform in PLATFORMS:
        words += ["--platform", platform]
    return [*words, "--dest", str(folder), requirement]
