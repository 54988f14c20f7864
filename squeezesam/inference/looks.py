"""Two looks at a photo: a glance at all of it, then a closer look at what the glance found.

One look is wrong for both ends: at a size at which small things can be told apart, large ones do
not fit into what the network sees at once. So the same network is asked twice, at a smaller size:

1. The glance is its answer to the prompts on the whole photo, cleaned
(`squeezesam.inference.mask_cleanup`).
   Where there is an earlier mask, that one takes its place: later clicks cost one look.
2. The view is a part of the photo around the glance's mask, the positive clicks and the box; see
   `surroundings`.
3. The answer is the network's to the same prompts on the view, with the glance as previous mask,
   cleaned. Negative clicks outside of the view are left out.
4. Outside of the view nothing belongs to the mask.

Everything up to the view is done in whole numbers, so that any language finds the same view. Masks
move between the photo and the view by `resampled`.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from squeezesam import spec
from squeezesam.errors import ConfigError
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.mask_cleanup import bounding_window
from squeezesam.inference.prompts import Prompts
from squeezesam.spec import PointLabel

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Looking:
    """The numbers of the closer look.

    Attributes:
        surroundings: side of the view in percent of the long side of what it is around.
        smallest: side of the view in photo pixels, at the least.
    """

    surroundings: int = spec.SURROUNDINGS
    smallest: int = spec.SMALLEST_VIEW

    def __post_init__(self) -> None:
        for name, least in (("surroundings", 100), ("smallest", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least {least}")


DEFAULT_LOOKING = Looking()


@dataclass(frozen=True)
class View:
    """A part of a photo, in photo pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def whole(cls, width: int, height: int) -> Self:
        """All of a photo."""
        return cls(0, 0, width, height)

    def is_whole(self, photo: Letterbox) -> bool:
        """Whether it is all of a photo."""
        return (self.width, self.height) == (photo.width, photo.height)

    def shown(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What a photo [H, W, 3] has there."""
        return photo[self.top : self.top + self.height, self.left : self.left + self.width]

    def moved(self, prompts: Prompts) -> Prompts:
        """Prompts on the photo as prompts on this part; clicks beside it are left out."""
        corner = np.array([self.left, self.top], np.float32)
        coords = prompts.coords - corner
        inside = ((coords >= 0) & (coords < [self.width, self.height])).all(axis=1)
        box = None if prompts.box is None else prompts.box - np.tile(corner, 2)
        return Prompts(coords[inside], prompts.labels[inside], box)


def surroundings(
    mask: NDArray[np.bool_], prompts: Prompts, letterbox: Letterbox, looking: Looking
) -> View:
    """The view around a mask and what belongs to it.

    The box around all of the following, in photo pixels, is made square with `looking.surroundings`
    percent of its long side (rounded up), and moved into the photo. A side is at least as long as a
    mask pixel of the photo, so that the answer has a place in the photo's mask, and at most as long
    as the photo. Where there is nothing to be around, the view is the whole photo.

    Args:
        mask: [h, w], the part of it that lies on the photo (`Letterbox.mask_size`).
        prompts: the box and the pixels of the positive clicks count.
        letterbox: letterbox of the photo.
        looking: how close.
    """
    photo = (letterbox.width, letterbox.height)
    spans: tuple[list[int], list[int]] = ([], [])  # edges along x and y
    window = bounding_window(mask)
    if window is not None:
        rows, columns = window
        cells = ((columns, letterbox.mask_size[0]), (rows, letterbox.mask_size[1]))
        for span, side, (where, count) in zip(spans, photo, cells, strict=True):
            span += [where.start * side // count, -(-where.stop * side // count)]
    for place in prompts.coords[prompts.labels == PointLabel.POSITIVE]:
        for span, along in zip(spans, place, strict=True):
            span += [math.floor(along), math.floor(along) + 1]
    if prompts.box is not None:
        for axis, span in enumerate(spans):
            span += [math.floor(prompts.box[axis]), math.ceil(prompts.box[axis + 2])]
    if not spans[0]:
        return View.whole(*photo)
    longest = max(max(span) - min(span) for span in spans)
    wanted = max(-(-longest * looking.surroundings // 100), looking.smallest)
    sides = [
        min(max(wanted, -(-side // count)), side)
        for side, count in zip(photo, letterbox.mask_size, strict=True)
    ]
    left, top = (
        min(max((min(span) + max(span) - length) // 2, 0), side - length)
        for span, side, length in zip(spans, photo, sides, strict=True)
    )
    return View(left, top, *sides)


def onto_view(logits: Logits, photo: Letterbox, view: View, letterbox: Letterbox) -> Logits:
    """A mask of the photo as the previous mask of a view.

    Args:
        logits: [size/2, size/2] of a mask of the whole photo.
        photo: its letterbox; of any size.
        view: the part of the photo that was looked at.
        letterbox: letterbox of the view.

    Returns:
        [S/2, S/2], with S the size of `letterbox`; OUTSIDE_LOGIT on its padding.
    """
    columns, rows = photo.mask_size
    places = [
        (start + _centres(cells, length)) * count / side - 0.5
        for start, length, cells, count, side in (
            (view.left, view.width, letterbox.mask_size[0], columns, photo.width),
            (view.top, view.height, letterbox.mask_size[1], rows, photo.height),
        )
    ]
    moved = resampled(logits[:rows, :columns], *places)
    side = letterbox.size // spec.MAP_STRIDE
    square = np.full((side, side), spec.OUTSIDE_LOGIT, np.float32)
    square[: moved.shape[0], : moved.shape[1]] = moved
    return square


def onto_photo(logits: Logits, view: View, letterbox: Letterbox, photo: Letterbox) -> Logits:
    """Masks of a view as masks of the photo.

    Args:
        logits: [M, S/2, S/2] of masks of the view.
        view: the part of the photo to look at.
        letterbox: letterbox of the view.
        photo: letterbox of the photo, of the same size.

    Returns:
        [M, S/2, S/2]; OUTSIDE_LOGIT where a mask pixel has its centre outside of the view.
    """
    square = np.full(logits.shape, spec.OUTSIDE_LOGIT, np.float32)
    along = (
        (view.left, view.width, letterbox.mask_size[0], photo.mask_size[0], photo.width),
        (view.top, view.height, letterbox.mask_size[1], photo.mask_size[1], photo.height),
    )
    inside, places = [], []
    for start, length, cells, count, side in along:
        centres = _centres(count, side) - start
        there = np.flatnonzero((centres >= 0) & (centres < length))
        inside.append(there)
        places.append(centres[there] * cells / length - 0.5)
    columns, rows = inside
    width, height = letterbox.mask_size
    for whole, mask in zip(square, logits, strict=True):
        whole[np.ix_(rows, columns)] = resampled(mask[:height, :width], *places)
    return square


def _centres(cells: int, length: int) -> NDArray[np.float64]:
    """Where the centres of cells lie that divide a length evenly."""
    return (np.arange(cells) + 0.5) * length / cells


def resampled(values: Logits, x: NDArray[np.float64], y: NDArray[np.float64]) -> Logits:
    """Values [h, w] at other places, bilinearly; beyond the edges the edge goes on.

    Args:
        values: at whole-numbered places.
        x: places along the rows, [W].
        y: places down the columns, [H].

    Returns:
        [H, W].
    """
    for axis, places in ((0, y), (1, x)):
        last = values.shape[axis] - 1
        places = places.clip(0, last)
        low = np.floor(places).astype(np.intp)
        share = (places - low).astype(np.float32)
        before, after = values.take(low, axis), values.take(np.minimum(low + 1, last), axis)
        values = before + (after - before) * (share[:, None] if axis == 0 else share)
    return values
