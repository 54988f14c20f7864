"""COCO run-length encoding, read and written in numpy.

The compressed form (COCO API, `rleFrString`) stores column-major run lengths as little-endian
5-bit groups, each a character from code 48 on, with a continuation bit; from the third run on, the
difference to the run two before is stored.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import DataError


def decode_counts(counts: str) -> list[int]:
    """Run lengths of a compressed string."""
    runs: list[int] = []
    value = shift = 0
    for code in counts.encode("ascii"):
        group = code - 48
        value |= (group & 0x1F) << shift
        shift += 5
        if not group & 0x20:
            if group & 0x10:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return runs


def decode_rle(segmentation: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Mask [H, W] of an SA-1B `segmentation` (compressed string or list of counts).

    Raises:
        DataError: the runs do not add up to the stated size.
    """
    height, width = segmentation["size"]
    counts = segmentation["counts"]
    runs = decode_counts(counts) if isinstance(counts, str) else list(counts)
    if sum(runs) != height * width or min(runs) < 0:
        raise DataError(f"mask runs add up to {sum(runs)}, not to {height}x{width} pixels")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T
