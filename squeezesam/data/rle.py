"""COCO run-length encoding, read and written in numpy.

The compressed form (COCO API, `rleFrString`) stores column-major run lengths as little-endian
5-bit groups, each a character from code 48 on, with a continuation bit; from the third run on, the
difference to the run two before is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.records import Coverage
from squeezesam.errors import DataError

INSIDE = np.uint8(255)


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


@dataclass(frozen=True)
class RleMask:
    """A mask as run lengths, compressed or not.

    Attributes:
        height: in pixels.
        width: in pixels.
        counts: a compressed string, or run lengths that start with background.
    """

    height: int
    width: int
    counts: str | tuple[int, ...]

    @classmethod
    def parse(cls, segmentation: Mapping[str, Any]) -> Self:
        """From the `segmentation` of an annotation.

        Raises:
            KeyError, TypeError, ValueError: it has no `size` and `counts` of the right kind.
        """
        height, width = map(int, segmentation["size"])
        counts = segmentation["counts"]
        return cls(height, width, counts if isinstance(counts, str) else tuple(map(int, counts)))

    def coverage(self) -> Coverage:
        """The mask [H, W], 0 or 255.

        Raises:
            DataError: the runs do not add up to the stated size.
        """
        try:
            runs = decode_counts(self.counts) if isinstance(self.counts, str) else list(self.counts)
        except UnicodeEncodeError as error:
            raise DataError("mask runs are not in COCO's code") from error
        pixels = self.height * self.width
        if sum(runs) != pixels or min(runs, default=0) < 0:
            raise DataError(
                f"mask runs add up to {sum(runs)}, not to {self.height}x{self.width} pixels"
            )
        values = (np.arange(len(runs)) % 2).astype(np.uint8) * INSIDE
        return np.repeat(values, runs).reshape(self.width, self.height).T


def encode_rle(mask: NDArray[np.bool_]) -> RleMask:
    """Uncompressed run lengths of a mask, [H, W]."""
    flat = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    height, width = mask.shape
    return RleMask(height, width, tuple(int(count) for count in np.diff(ends, prepend=0)))
