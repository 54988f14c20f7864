"""Golden vectors of clean masks, for ports to other languages.

`golden_vectors` gives a list of cases that JSON holds as they are. Every case has `kind` and
`name`; places are [x, y], column before row, and maps are rows from the top. docs/masks.md says
what a port has to do; a port that gives the same numbers does it.

Kind `clean`, from a mask to a cleaned one:
    width, height: size of the part of the mask that lies on the photo.
    mask: its width * height bytes, 1 inside and 0 outside, in base64; so are all masks.
    positive, negative: mask pixels of the clicks.
    window: [x0, y0, x1, y1], the mask pixels from x0 to x1 - 1 and from y0 to y1 - 1 that lie in
        the box; null without one.
    previous: the mask so far; null without one.
    cleaning: `speck_area`, `pinhole_area`; see `MaskCleaning`.
    cleaned: the answer.

Kind `logits`, from logits to those of the cleaned mask:
    width, height, positive: as above; these cases have no other prompts.
    logits: width * height numbers, row by row.
    cleaned: as many numbers, after cleaning.

Kind `places`, from places on the photo to mask pixels:
    photo: width and height.
    input_size: side of the square input of the network.
    mask_size: columns and rows of a mask that lie on the photo.
    photo_pixels: some clicks.
    mask_pixels: the mask pixel of each click.
    boxes: [x0, y0, x1, y1] in photo pixels.
    windows: the window of each box, in the form above.
"""

import base64
import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.mask_cleanup import (
    DEFAULT_CLEANING,
    Mask,
    MaskCleaning,
    Place,
    Wanted,
    cleaned,
    cleaned_logits,
)
from squeezesam.spec import MAP_STRIDE
from squeezesam.vectors.saliency import PHOTOS, SIZES, disc, drawn, noise

Case = dict[str, Any]

NO_SIZES = MaskCleaning(speck_area=0, pinhole_area=0)
SMALL_SIZES = MaskCleaning(speck_area=3, pinhole_area=3)


def drawn_mask(text: str) -> Mask:
    """A mask whose rows are the words of a text, `#` inside."""
    return np.array([[letter == "#" for letter in row] for row in text.split()])


def window(left: int, top: int, right: int, bottom: int) -> tuple[slice, slice]:
    """Rows and columns of a window that is given like a box."""
    return slice(top, bottom), slice(left, right)


TWO = drawn_mask("........ .##..##. .##..##. .##..##. ........")
CORNERS = drawn_mask("##...... ##...... ..##..## ..##..## ........")
RING = drawn_mask("....... .#####. .#...#. .#...#. .#####. .......")
GAPS = drawn_mask("########## #.###..### ###.##..## #..####### ##########")
OPEN_GAP = drawn_mask("##.## #...# ##### ##.## #####")

DRAWN: dict[str, tuple[Mask, Wanted, MaskCleaning]] = {
    "nothing inside": (np.zeros((3, 4), np.bool_), Wanted([(1, 1)]), DEFAULT_CLEANING),
    "one pixel": (np.ones((1, 1), np.bool_), Wanted([(0, 0)]), DEFAULT_CLEANING),
    "the clicked of two": (TWO, Wanted([(1, 2)]), NO_SIZES),
    "both of two clicked": (TWO, Wanted([(1, 2), (6, 3)]), NO_SIZES),
    "a click beside two": (TWO, Wanted([(3, 2)]), NO_SIZES),
    "a speck that is clicked": (TWO, Wanted([(1, 2)]), DEFAULT_CLEANING),
    "touching at corners": (CORNERS, Wanted([(0, 0)]), NO_SIZES),
    "denied without a positive click": (TWO, Wanted([], [(5, 1)]), NO_SIZES),
    "denied and asked for": (TWO, Wanted([(5, 1)], [(6, 3)]), NO_SIZES),
    "all denied": (TWO, Wanted([], [(5, 1), (1, 1)]), NO_SIZES),
    "a denial beside the mask": (TWO, Wanted([], [(3, 0)]), NO_SIZES),
    "half in the box": (TWO, Wanted(window=window(2, 0, 5, 5)), NO_SIZES),
    "a pixel less than half in the box": (TWO, Wanted(window=window(2, 2, 7, 5)), NO_SIZES),
    "a box around nothing": (TWO, Wanted(window=window(3, 0, 5, 5)), NO_SIZES),
    "in the box and denied": (TWO, Wanted([], [(1, 1)], window(0, 0, 8, 5)), NO_SIZES),
    "one clicked, one in the box": (TWO, Wanted([(1, 1)], [], window(4, 0, 8, 5)), NO_SIZES),
    "half in the previous mask": (
        TWO,
        Wanted([(1, 2)], previous=drawn_mask("........ .....##. .....#.. ........ ........")),
        NO_SIZES,
    ),
    "less than half in the previous mask": (
        TWO,
        Wanted([(1, 2)], previous=drawn_mask("........ .....##. ........ ........ ........")),
        NO_SIZES,
    ),
    "in the previous mask and denied": (TWO, Wanted([(1, 2)], [(6, 1)], previous=TWO), NO_SIZES),
    "only a previous mask": (TWO, Wanted(previous=RING[:5, [0, *range(7)]]), NO_SIZES),
    "specks without a click": (
        drawn_mask("#....... ...###.# ........ ##...... ........"),
        Wanted(),
        SMALL_SIZES,
    ),
    "nothing but specks": (drawn_mask("#....... ......## ........"), Wanted(), SMALL_SIZES),
    "a speck with a negative click": (
        drawn_mask("#....... ...###.. ........"),
        Wanted([], [(4, 1)]),
        SMALL_SIZES,
    ),
    "pinholes below the limit": (GAPS, Wanted([(0, 0)]), SMALL_SIZES),
    "a pinhole that is clicked away": (GAPS, Wanted([(0, 0)], [(1, 1)]), SMALL_SIZES),
    "a gap that is open to the border": (OPEN_GAP, Wanted([(0, 0)]), MaskCleaning(0, 100)),
    "a large gap": (RING, Wanted([(1, 1)]), MaskCleaning(0, 6)),
    "a gap just too small to stay": (RING, Wanted([(1, 1)]), MaskCleaning(0, 7)),
    "a click on a pinhole": (
        drawn_mask("#####.... #.###.### #####.###"),
        Wanted([(1, 1)]),
        SMALL_SIZES,
    ),
    "a region inside a gap": (
        drawn_mask("####### #.....# #.###.# #.....# #######"),
        Wanted([(0, 0)]),
        MaskCleaning(0, 12),
    ),
    "a region inside a pinhole": (
        drawn_mask("####### #.....# #.###.# #.....# #######"),
        Wanted([(0, 0)]),
        MaskCleaning(0, 13),
    ),
}


def golden_vectors() -> list[Case]:
    """All cases; see the module."""
    cases = [clean_case(name, *given) for name, given in DRAWN.items()]
    cases += [noise_case(seed) for seed in range(12)]
    size_case = drawn(96, 72, lambda x, y: disc(x - 40, y - 30, 26) & ~disc(x - 40, y - 30, 3)) > 0
    size_case |= noise(96, 72, 99) > 250
    cases.append(clean_case("a mask with dust", size_case, Wanted([(40, 10)]), DEFAULT_CLEANING))
    cases.append(logits_case())
    cases += [places_case(photo, size) for photo in PHOTOS for size in SIZES]
    return cases


def clean_case(name: str, mask: Mask, asked: Wanted, cleaning: MaskCleaning) -> Case:
    """One mask and its clean one."""
    height, width = mask.shape
    return {
        "kind": "clean",
        "name": name,
        "width": width,
        "height": height,
        "mask": encoded(mask),
        "positive": [list(place) for place in asked.positive],
        "negative": [list(place) for place in asked.negative],
        "window": None if asked.window is None else corners(asked.window),
        "previous": None if asked.previous is None else encoded(asked.previous),
        "cleaning": dataclasses.asdict(cleaning),
        "cleaned": encoded(cleaned(mask, asked, cleaning)),
    }


def noise_case(seed: int) -> Case:
    """Noise with blobs of all sizes, asked for in every combination."""
    raw = noise(31, 23, seed).astype(np.int64)
    coarse = np.repeat(np.repeat(noise(8, 6, 100 + seed), 4, axis=0), 4, axis=1)[:23, :31]
    mask = raw + coarse.astype(np.int64) > 255
    places = [(int(x) % 31, int(y) % 23) for x, y in noise(2, 4, 200 + seed)]
    asked = Wanted(
        places[: seed % 3],
        places[2 : 2 + seed // 3 % 3],
        window(3, 4, 22, 17) if seed % 2 else None,
        np.roll(mask, (1, 2), (0, 1)) if seed % 4 > 1 else None,
    )
    return clean_case(f"noise {seed}", mask, asked, MaskCleaning(4, 4))


def logits_case() -> Case:
    """Pixels that change sides, near the threshold and far from it, and some that do not."""
    logits = np.full((8, 8), -3, np.float32)
    logits[1:6, 1:6] = 2.5
    logits[3, 3] = 0  # on the threshold is outside
    logits[2, 2] = -7
    logits[7, 7] = 0.03125
    logits[7, 5] = 9
    letterbox = Letterbox.fit(8, 8, 8 * MAP_STRIDE)
    positive: list[Place] = [(1, 1)]
    (clean,) = cleaned_logits(logits[None], Wanted(positive), letterbox)
    return {
        "kind": "logits",
        "name": "change sign",
        "width": 8,
        "height": 8,
        "positive": [list(place) for place in positive],
        "logits": logits.ravel().tolist(),
        "cleaned": clean.ravel().tolist(),
    }


def places_case(photo: tuple[int, int], size: int) -> Case:
    """The corners and other pixels of a photo, and boxes on it."""
    letterbox = Letterbox.fit(*photo, size)
    width, height = photo
    pixels = [(0, 0), (width - 1, height - 1), (width // 2, height // 2), (width // 3, height // 7)]
    boxes = [(0, 0, width, height), (width // 3, height // 4, width // 2 + 1, height // 2 + 1)]
    return {
        "kind": "places",
        "name": f"{width} x {height} in {size}",
        "photo": list(photo),
        "input_size": size,
        "mask_size": list(letterbox.mask_size),
        "photo_pixels": [list(place) for place in pixels],
        "mask_pixels": [list(letterbox.mask_pixel(*place)) for place in pixels],
        "boxes": [list(box) for box in boxes],
        "windows": [corners(letterbox.mask_window(np.array(box, np.float32))) for box in boxes],
    }


def corners(window: tuple[slice, slice]) -> list[int]:
    """A window as [x0, y0, x1, y1]."""
    rows, columns = window
    return [columns.start, rows.start, columns.stop, rows.stop]


def encoded(mask: NDArray[np.bool_]) -> str:
    """A mask as base64 of its bytes."""
    return base64.b64encode(mask.astype(np.uint8).tobytes()).decode("ascii")
