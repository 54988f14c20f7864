"""COCO run-length encoding, read and written in numpy.

The compressed form (COCO API, `rleToString`) stores column-major run lengths as little-endian
5-bit groups, each a character from code 48 on, with a continuation bit; the last group's top bit is
the sign. From the fourth run on, the difference to the run two before is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.records import Coverage, Mask
from squeezesam.errors import DataError

INSIDE = np.uint8(255)

Runs = NDArray[np.int64]

ZERO = np.uint8(ord("0"))
GROUP_BITS, SIGN_BIT, CONTINUES = 5, 0x10, 0x20
MOST_GROUPS = 7
"""Groups of one number; 35 bits are more than any photo has pixels."""

MOST_COUNTS = 4_000_000
"""Run lengths of a mask, or characters of their code; a hundred times those of a fine one."""


def decode_counts(counts: str) -> Runs:
    """Run lengths of a compressed string.

    Raises:
        DataError: it is not in COCO's code.
    """
    if not counts:
        return np.zeros(0, np.int64)
    groups = np.frombuffer(counts.encode("ascii", "replace"), np.uint8) - ZERO
    if not counts.isascii() or groups.max() >= 2 * CONTINUES or groups[-1] >= CONTINUES:
        raise DataError("mask runs are not in COCO's code; export the mask again")
    # From the last group of each number, which has the sign, to its first. Before the string's
    # first group comes, as index -1, its last one, which continues nothing.
    at = np.flatnonzero(groups < CONTINUES)
    runs = (groups[at].astype(np.int64) ^ SIGN_BIT) - SIGN_BIT
    longer = np.arange(at.size)
    for _ in range(MOST_GROUPS):
        at -= 1
        more = np.flatnonzero(groups[at] >= CONTINUES)
        if not more.size:
            break
        at, longer = at[more], longer[more]
        runs[longer] = runs[longer] << GROUP_BITS | groups[at] & (CONTINUES - 1)
    else:
        raise DataError("a mask run is longer than any photo; export the mask again")
    runs[1::2] = runs[1::2].cumsum()
    runs[2::2] = runs[2::2].cumsum()
    return runs


def encode_counts(runs: Runs) -> str:
    """The compressed string of run lengths; as short as the COCO API's."""
    values = runs.copy()
    values[3:] -= runs[1:-2]
    limits = SIGN_BIT << (GROUP_BITS * np.arange(MOST_GROUPS - 1))
    # A negative number needs as many bits as its complement.
    lengths = 1 + np.searchsorted(limits, np.where(values < 0, ~values, values), side="right")
    ends = lengths.cumsum()
    places = np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)
    groups = (np.repeat(values, lengths) >> (GROUP_BITS * places)) & (CONTINUES - 1)
    groups |= CONTINUES
    groups[ends - 1] ^= CONTINUES
    return (groups + ZERO).astype(np.uint8).tobytes().decode("ascii")


@dataclass(frozen=True)
class RleMask:
    """A mask as run lengths, compressed or not.

    Attributes:
        height: height of the mask in pixels.
        width: width of the mask in pixels.
        counts: a compressed string, or run lengths that start with background.
    """

    height: int
    width: int
    counts: str | tuple[int, ...]

    @classmethod
    def parse(cls, segmentation: Mapping[str, Any]) -> Self:
        """From the `segmentation` of an annotation.

        Raises:
            KeyError, TypeError, ValueError, OverflowError: it has no `size` and `counts` of the
                right kind.
            DataError: it has too many run lengths to be taken apart.
        """
        height, width = map(int, segmentation["size"])
        counts = segmentation["counts"]
        if len(counts) > MOST_COUNTS:
            raise DataError(f"a mask has {len(counts)} run lengths, more than any object")
        return cls(height, width, counts if isinstance(counts, str) else tuple(map(int, counts)))

    def coverage(self) -> Coverage:
        """The mask [H, W], 0 or 255.

        Raises:
            DataError: the runs do not add up to the stated size.
        """
        runs = self._runs()
        pixels = self.height * self.width
        if runs.min(initial=0) < 0 or runs.max(initial=0) > pixels or runs.sum() != pixels:
            raise DataError(
                f"mask runs add up to {runs.sum()}, not to {self.height}x{self.width} pixels; "
                "export the mask again"
            )
        return fill_runs(runs, self.height, self.width)

    def _runs(self) -> Runs:
        if isinstance(self.counts, str):
            return decode_counts(self.counts)
        try:
            return np.array(self.counts, np.int64)
        except OverflowError as error:
            raise DataError("a mask run is longer than any photo; export the mask again") from error


def fill_runs(runs: Runs, height: int, width: int) -> Coverage:
    """The mask [H, W], 0 or 255, of column-major runs that start with background and add up."""
    values = (np.arange(len(runs)) % 2).astype(np.uint8) * INSIDE
    return np.repeat(values, runs).reshape(width, height).T


def encode_rle(mask: Mask) -> RleMask:
    """Compressed run lengths of a mask, [H, W] with H, W > 0."""
    height, width = mask.shape
    flat = mask.ravel(order="F")
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    # The first run is background, of length 0 where the mask begins inside.
    edges = np.concatenate([[0] * (1 + flat[0]), turns, [flat.size]])
    return RleMask(height, width, encode_counts(np.diff(edges)))
