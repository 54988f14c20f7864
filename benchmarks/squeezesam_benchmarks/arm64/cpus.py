"""The ARM64 processors that are emulated."""

from dataclasses import dataclass

from squeezesam.errors import ConfigError


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
