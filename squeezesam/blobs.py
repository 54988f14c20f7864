"""Pieces of a mask that hang together: the one definition of what touches what.

A blob is numbered by its first pixel in reading order, so that numbers, and all that is decided by
them, are the same in every language.
"""

import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, slice]


def blob_numbers(inside: NDArray[np.bool_], corners: bool = True) -> NDArray[np.int32]:
    """The blob that each pixel of a mask belongs to: 1, 2, ... in reading order; 0 for none.

    Args:
        inside: [h, w].
        corners: whether pixels touch at a corner too (8-connected), or at an edge only
            (4-connected).

    Returns:
        [h, w].
    """
    height, width = inside.shape
    # Rows lie end to end with a gap of two, so that no run reaches or touches the next row's.
    pitch = width + 2
    padded = np.zeros((height, pitch), np.bool_)
    padded[:, 1:-1] = inside
    line = padded.ravel()
    edges = np.flatnonzero(line[1:] != line[:-1]) + 1
    starts, stops = edges[::2], edges[1::2]
    # Runs of the next row from the first that ends late enough to the last that begins early
    # enough.
    reach = 0 if corners else 1
    first = np.searchsorted(stops, starts + pitch + reach)
    last = np.searchsorted(starts, stops + pitch - reach, side="right")
    parents = list(range(len(starts)))  # an earlier run of the same blob, or the run itself
    for run, (low, high) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        for below in range(low, high):
            ours, theirs = run, below
            while parents[ours] != ours:
                ours = parents[ours]
            while parents[theirs] != theirs:
                theirs = parents[theirs]
            parents[max(ours, theirs)] = min(ours, theirs)
    numbers: list[int] = []
    blobs = 0
    for run, parent in enumerate(parents):
        if parent == run:
            blobs += 1
        numbers.append(blobs if parent == run else numbers[parent])
    # What a run adds at its start it takes back behind its end.
    changes = np.zeros(height * pitch, np.int32)
    changes[starts], changes[stops] = numbers, np.negative(numbers)
    return np.cumsum(changes, dtype=np.int32).reshape(height, pitch)[:, 1:-1]


def bounding_window(mask: NDArray[np.bool_]) -> Window | None:
    """Rows and columns of the tight bounding box of a mask [H, W]; None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
