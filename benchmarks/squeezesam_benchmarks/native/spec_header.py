"""The constants of `squeezesam.spec` as a C++ header, written when a runner is built.

Run as `python -m squeezesam_benchmarks.native.spec_header FOLDER`.
"""

import sys
from pathlib import Path

from squeezesam import spec
from squeezesam.files import whole_file

NUMBERS = {
    name: getattr(spec, name)
    for name in (
        "MAP_STRIDE",
        "PIXEL_MEAN",
        "PIXEL_SCALE",
        "PAD_BYTE",
        "DISC_RADIUS",
        "POINT_SLOTS",
        "TOKEN_SLOTS",
        "POSITION_FREQUENCIES",
        "TOKEN_FEATURES",
        "NUM_MASKS",
        "MASK_THRESHOLD",
        "SPECK_AREA",
        "PINHOLE_AREA",
        "FLIPPED_LOGIT",
        "SURROUNDINGS",
        "SMALLEST_VIEW",
        "OUTSIDE_LOGIT",
    )
}
NAMES = ("IMAGE", "PROMPT_MAPS", "PROMPT_TOKENS", "LOW_RES_MASKS")
ENUMS = (spec.PointLabel, spec.MapChannel)


def spec_header() -> str:
    """The text of spec.h."""
    lines = ["// Written by spec_header.py.", "#pragma once", "", "namespace spec {", ""]
    for name, number in NUMBERS.items():
        kind = "int" if isinstance(number, int) else "float"
        lines.append(f"constexpr {kind} {name} = {number!r};")
    lines += [f'constexpr char {name}[] = "{getattr(spec, name)}";' for name in NAMES]
    lines.append(f"constexpr int MAP_CHANNELS = {len(spec.MapChannel)};")
    for enum in ENUMS:
        members = ", ".join(f"{member.name} = {member.value}" for member in enum)
        lines.append(f"namespace {enum.__name__} {{ enum {{ {members} }}; }}")
    return "\n".join([*lines, "", "}  // namespace spec", ""])


def write_spec_header(folder: Path) -> None:
    """Write spec.h into a folder.

    Raises:
        OutputError: it cannot be written to.
    """
    with whole_file(folder / "spec.h") as partial:
        partial.write_text(spec_header(), encoding="utf-8")


if __name__ == "__main__":
    write_spec_header(Path(sys.argv[1]))
