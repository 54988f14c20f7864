"""Clean masks: what nobody asked for goes, and so do specks and pinholes.

A blob is numbered by its first pixel in reading order, so that numbers, and all that is decided by
them, are the same in every language.

A mask is cleaned at the size at which the network gives it, on the part that lies on the photo. A
pixel is in the mask where its logit exceeds the threshold. In this order:

1. Pixels outside of the mask that touch at an edge are a gap. A gap of fewer than `pinhole_area`
   pixels that does not reach the border of the photo and holds no negative click is filled.
2. Pixels of the mask that touch, also at a corner, are a region. A positive click asks for the
   region that it lies in; a negative click denies it, unless a positive click asks for it too.
3. Of the regions that no click asks for, those stay that are not denied and have at least half of
   their pixels in the box, or at least half of them in the previous mask. Where there is neither a
   positive click nor a box, all that are not denied stay. Where nothing would stay, all regions do.
4. Of these, regions of fewer than `speck_area` pixels go unless a click asks for them or nothing
   else would stay.

The logits of pixels that change sides change sign, and get at least FLIPPED_LOGIT in magnitude, so
that the mask at the size of the photo is clean as well. Everything but that is done in whole
numbers, so that any language finds the same mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from squeezesam import spec
from squeezesam.errors import ConfigError
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.prompts import Prompts
from squeezesam.spec import PointLabel

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


Mask = NDArray[np.bool_]
Logits = NDArray[np.float32]
Place = tuple[int, int]


@dataclass(frozen=True)
class MaskCleaning:
    """The numbers of the cleaning, in mask pixels.

    Attributes:
        speck_area: fewest pixels of a region that no click asks for; 0 keeps all.
        pinhole_area: fewest pixels of a gap; 0 keeps all.
    """

    speck_area: int = spec.SPECK_AREA
    pinhole_area: int = spec.PINHOLE_AREA

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise ConfigError(f"{name}={value} must not be negative")


DEFAULT_CLEANING = MaskCleaning()


@dataclass(frozen=True)
class Wanted:
    """What a mask is asked for, in the pixels of the part of it that lies on the photo.

    Attributes:
        positive: (x, y) of the clicks on the object.
        negative: (x, y) of the clicks on the background.
        window: rows and columns in the box; None without one.
        previous: [h, w], the mask so far; None without one.
    """

    positive: Sequence[Place] = ()
    negative: Sequence[Place] = ()
    window: Window | None = None
    previous: Mask | None = None

    @classmethod
    def of(cls, prompts: Prompts, mask_input: Logits | None, letterbox: Letterbox) -> "Wanted":
        """From prompts in photo pixels and the logits [size/2, size/2] of the mask so far."""
        places = [letterbox.mask_pixel(x, y) for x, y in prompts.coords]
        pairs = list(zip(places, prompts.labels.tolist(), strict=True))
        columns, rows = letterbox.mask_size
        return cls(
            [place for place, label in pairs if label == PointLabel.POSITIVE],
            [place for place, label in pairs if label == PointLabel.NEGATIVE],
            None if prompts.box is None else letterbox.mask_window(prompts.box),
            None if mask_input is None else mask_input[:rows, :columns] > spec.MASK_THRESHOLD,
        )


def cleaned_logits(
    logits: Logits,
    asked: Wanted,
    letterbox: Letterbox,
    cleaning: MaskCleaning = DEFAULT_CLEANING,
) -> Logits:
    """Clean each mask for itself.

    Args:
        logits: [M, size/2, size/2].
        asked: what all of them answer.
        letterbox: letterbox of the photo; its padding stays as it is.
        cleaning: how.

    Returns:
        [M, size/2, size/2]; a copy.
    """
    columns, rows = letterbox.mask_size
    clean = logits.copy()
    for mask in clean[:, :rows, :columns]:
        before = mask > spec.MASK_THRESHOLD
        after = cleaned(before, asked, cleaning)
        if after is before:
            continue
        changed = before != after
        size = np.maximum(np.abs(mask[changed]), np.float32(spec.FLIPPED_LOGIT))
        mask[changed] = np.where(after[changed], size, -size)
    return clean


def cleaned(mask: Mask, asked: Wanted, cleaning: MaskCleaning = DEFAULT_CLEANING) -> Mask:
    """Clean a mask [h, w] as the module says."""
    return without_unasked(filled(mask, asked, cleaning), asked, cleaning)


def filled(mask: Mask, asked: Wanted, cleaning: MaskCleaning) -> Mask:
    """A mask [h, w] without its pinholes."""
    window = bounding_window(mask)  # a gap that leaves it reaches the border of the photo
    if window is None:
        return mask
    numbers = numbers_in_window(~mask, window, corners=False)
    small = np.bincount(numbers.ravel()) < cleaning.pinhole_area
    part = numbers[window]
    for border in (part[:1], part[-1:], part[:, :1], part[:, -1:]):
        small[border] = False
    for x, y in asked.negative:
        small[numbers[y, x]] = False
    small[0] = False  # which is no gap
    return mask | small.take(numbers) if small.any() else mask


def without_unasked(mask: Mask, asked: Wanted, cleaning: MaskCleaning) -> Mask:
    """The regions of a mask [h, w] that stay."""
    window = bounding_window(mask)
    if window is None:
        return mask
    numbers = numbers_in_window(mask, window, corners=True)
    areas = np.bincount(numbers.ravel())
    if len(areas) <= 2:  # of a single region nothing is taken away
        return mask
    clicked = np.zeros(len(areas), np.bool_)
    denied = np.zeros(len(areas), np.bool_)
    for x, y in asked.positive:
        clicked[numbers[y, x]] = True
    for x, y in asked.negative:
        denied[numbers[y, x]] = True
    wanted = np.zeros(len(areas), np.bool_)
    if asked.window is not None:
        wanted |= 2 * counts(numbers[asked.window], len(areas)) >= areas
    if asked.previous is not None:
        wanted |= 2 * counts(numbers[asked.previous], len(areas)) >= areas
    if not asked.positive and asked.window is None:
        wanted[:] = True
    stay = clicked | (wanted & ~denied)
    clicked[0] = stay[0] = False  # which is no region
    if not stay.any():
        stay[1:] = True
    large = stay & (clicked | (areas >= cleaning.speck_area))
    return np.asarray((large if large.any() else stay).take(numbers))


def numbers_in_window(inside: Mask, window: Window, corners: bool) -> NDArray[np.int32]:
    """Blobs of a mask [h, w] as `blob_numbers` gives them, as if outside of a window was none."""
    numbers = np.zeros(inside.shape, np.int32)
    numbers[window] = blob_numbers(inside[window], corners)
    return numbers


def counts(numbers: NDArray[np.int32], length: int) -> NDArray[np.int64]:
    """How often each number below `length` occurs."""
    return np.bincount(numbers.ravel(), minlength=length)
