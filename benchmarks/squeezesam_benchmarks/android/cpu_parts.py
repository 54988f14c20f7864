"""Names of the ARM64 cores of phones, by the numbers in /proc/cpuinfo."""

import re
from collections import Counter

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
