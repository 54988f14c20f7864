"""Golden vectors of the salient pipeline from logits to clicks, for ports to other languages.

Only whole numbers are used, and of NumPy's random streams the one that is kept the same for ever.

`golden_vectors` gives a list of cases that JSON holds as they are. Every case has `kind` and
`name`; places are [x, y], column before row, and maps are rows from the top. What a port has to do
is written in docs/salient.md; a port that gives the same numbers does it.

Kind `heat`, from the detector's answer to the bytes of the heat map:
    logits: numbers, none of them near the limit of two bytes.
    bytes: the byte of each logit.

Kind `clicks`, from a heat map to its blob and clicks:
    width, height: size of the heat map.
    heat: its width * height bytes, in base64.
    sampling: `threshold`, `peak`, `smallest_per_mille`, `clicks`; see `ClickSampling`.
    blob_area: pixels of the salient object; 0 where nothing stands out.
    clicks: pixels of the heat map, in their order; empty where nothing stands out.

Kind `places`, from pixels of the heat map to pixels of the photo:
    photo: width and height.
    input_size: side of the square input of the network.
    inside: width and height that the photo takes up in it.
    heat_size: columns and rows of the heat map that lie on the photo.
    heat_pixels: some places in it.
    photo_pixels: the photo's pixel for each of them.
"""

import base64
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.saliency_predictor import HEAT_LEVELS, as_bytes, chances
from squeezesam.inference.saliency_prompt import (
    DEFAULT_SAMPLING,
    ClickSampling,
    Heat,
    Mask,
    find_salient_object,
)
from squeezesam.spec import DETECTOR_SIZE, INPUT_SIZE

HOT = 255
INK = {".": 0, "-": 239, "+": 240, "o": 243, "x": 244, "#": HOT}
"""Bytes that `from_text` draws: one below and one at each limit of the default sampling."""


def disc(x: NDArray[np.int64], y: NDArray[np.int64], radius: int) -> Mask:
    """Where x, y lie within a circle about 0, 0."""
    return x**2 + y**2 <= radius**2


def drawn(width: int, height: int, inside: Callable[..., Mask], level: int = HOT) -> Heat:
    """A map of one level inside of a shape (x, y) -> bool, and 0 outside."""
    y, x = np.mgrid[:height, :width]
    return np.where(inside(x, y), level, 0).astype(np.uint8)


def soft_disc(width: int, height: int, centre: tuple[int, int], radius: int) -> Heat:
    """A disc that cools from its centre to nothing at its rim."""
    y, x = np.mgrid[:height, :width]
    squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    return np.maximum(0, HOT - HOT * squared**2 // radius**4).astype(np.uint8)


def noise(width: int, height: int, seed: int) -> Heat:
    """Bytes that are as good as random."""
    raw = np.random.PCG64(seed).random_raw(width * height)
    return (np.asarray(raw).reshape(height, width) >> np.uint64(56)).astype(np.uint8)


def from_text(text: str) -> Heat:
    """A map whose rows are the words of a text, its pixels their letters; see INK."""
    return np.array([[INK[letter] for letter in row] for row in text.split()], np.uint8)


def ring() -> Heat:
    """Its centre of mass lies in its hole."""
    return drawn(48, 40, lambda x, y: disc(x - 24, y - 20, 17) & ~disc(x - 24, y - 20, 9))


def l_shape() -> Heat:
    """Two bars that meet in a corner."""
    return drawn(
        48, 40, lambda x, y: (x >= 8) & (x < 40) & (y >= 4) & (y < 36) & ((x < 16) | (y >= 28))
    )


def u_shape() -> Heat:
    """Two posts that only their last rows join."""
    return drawn(
        48,
        40,
        lambda x, y: (x >= 6) & (x < 42) & (y >= 4) & (y < 36) & ((x < 15) | (x >= 33) | (y >= 29)),
    )


def crescent() -> Heat:
    """A disc with a bite."""
    return drawn(48, 40, lambda x, y: disc(x - 22, y - 20, 17) & ~disc(x - 31, y - 20, 13))


def person() -> Heat:
    """A head on shoulders, cut off by the lower border."""
    return drawn(
        48, 40, lambda x, y: disc(x - 24, y - 11, 7) | ((y > 17) & disc(x - 24, y - 40, 22))
    )


def corner_to_corner() -> Heat:
    """Two squares whose only contact is a corner."""
    return drawn(
        48,
        40,
        lambda x, y: (
            ((x >= 10) & (x < 24) & (y >= 4) & (y < 20))
            | ((x >= 24) & (x < 40) & (y >= 20) & (y < 36))
        ),
    )


def two_blobs(small_level: int) -> Heat:
    """A large blob at level 245 and a small one at another."""
    large = drawn(48, 40, lambda x, y: disc(x - 15, y - 16, 12), 245)
    small = drawn(48, 40, lambda x, y: disc(x - 37, y - 30, 7), small_level)
    return large + small


PICTURED: dict[str, Heat] = {
    "disc": soft_disc(48, 40, (24, 20), 22),
    "ring": ring(),
    "L": l_shape(),
    "U": u_shape(),
    "crescent": crescent(),
    "person": person(),
    "corner to corner": corner_to_corner(),
    "two blobs": two_blobs(HOT),
}
"""Those that the docs show."""

SMALL: dict[str, Heat] = {
    name: from_text(text)
    for name, text in {
        "one pixel in a map of one": "#",
        "one pixel": "...... ...#.. ...... ......",
        "a row": ".......... .########. ..........",
        "a column": "..... ..#.. ..#.. ..#.. ..#.. .....",
        "a diagonal": "#.... .#... ..#.. ...#. ....#",
        "squares that touch at a corner": "##.... ##.... ..###. ..###. ......",
        "squares that touch at the other corner": "...### ...### ###... ###...",
        "a square of four, equally near": ".... .##. .##. ....",
        "a corner of the map": "##.. #... .... ....",
        "a triangle": "##### ####. ###.. ##... #....",
        "an arrow": "#.... .#... ..#.. .#... #....",
        "two equal blobs in one row": "....... .##.##. .##.##. .......",
        "two equal blobs, the first to begin further right": "....##. ....##. .##.... .##....",
        "posts that join in the last row": "#.#.#.# #.#.#.# #.#.#.# #######",
        "a comb that joins from both sides": "####### #.#.#.# #.#.#.# .#...#. ..###..",
        "a spiral": "####### ......# #####.# #...#.# #.###.# #.....# #######",
        "one below the threshold": "---- -##- -##- ----",
        "at the threshold": "++++ +##+ +##+ ++++",
        "one below the peak": "oooo oooo",
        "at the peak": "oooo oxoo",
        "the hottest pixel is elsewhere": "ooooooo. ooooooo. ........ .......#",
        "all hot": "##### ##### #####",
        "all cold": "..... ..... .....",
        "just large enough": "#" + "." * 249,
        "just too small": "#" + "." * 250,
        "fewer but hotter pixels have the larger sum": (f"{18 * '+'} {18 * '.'} .{17 * '#'}"),
    }.items()
}


Case = dict[str, Any]

NETWORK_MAPS: dict[str, Heat] = {
    "a heat map of the network's size": soft_disc(128, 96, (83, 40), 47),
    "the larger of two blobs": two_blobs(244),
    "noise": noise(23, 17, seed=1),
}

OTHER_SAMPLINGS: dict[str, ClickSampling] = {
    "another threshold": ClickSampling(threshold=200, peak=210, smallest_per_mille=0),
    "many small blobs": ClickSampling(threshold=240, peak=250, smallest_per_mille=0),
    "one click": ClickSampling(threshold=160, peak=178, clicks=1),
    "three clicks": ClickSampling(threshold=160, peak=178, clicks=3),
    "out of reach": ClickSampling(smallest_per_mille=1000),
}
"""Each tried on noise."""

PHOTOS = (
    (1, 1),
    (1, 1000),
    (1000, 1),
    (3, 2000),
    (2000, 3),
    (40, 30),
    (333, 500),
    (513, 511),
    (640, 427),
    (1024, 682),  # 170.5 mask rows: the half goes to the even neighbour, 170
    (1024, 686),  # 171.5: up to 172
    (3024, 4032),
    (12000, 8000),
)
SIZES = (64, INPUT_SIZE, DETECTOR_SIZE, 768)


def golden_vectors() -> list[Case]:
    """All cases; see the module."""
    return [
        heat_case(),
        *(
            click_case(name, heat, DEFAULT_SAMPLING)
            for name, heat in {**PICTURED, **SMALL, **NETWORK_MAPS}.items()
        ),
        *(
            click_case(f"noise, {name}", noise(29, 31, seed), sampling)
            for seed, (name, sampling) in enumerate(OTHER_SAMPLINGS.items())
        ),
        *(places_case(photo, size) for photo in PHOTOS for size in SIZES),
    ]


def heat_case() -> Case:
    """Every byte once, and logits beyond all bounds."""
    inner = np.arange(1, HEAT_LEVELS)
    middle = np.log(inner / (HEAT_LEVELS - inner)).round(3)
    logits = np.array([-1e30, -800, *middle, 800, 1e30], np.float32)
    shown = [float(str(logit)) for logit in logits]
    return {
        "kind": "heat",
        "name": "every byte",
        "logits": shown,
        "bytes": as_bytes(chances(logits)).tolist(),
    }


def click_case(name: str, heat: Heat, sampling: ClickSampling) -> Case:
    """What is found in a heat map [h, w]."""
    height, width = heat.shape
    found = find_salient_object(heat, sampling)
    return {
        "kind": "clicks",
        "name": name,
        "width": width,
        "height": height,
        "heat": base64.b64encode(heat.tobytes()).decode(),
        "sampling": dataclasses.asdict(sampling),
        "blob_area": 0 if found is None else int(found.blob.sum()),
        "clicks": [] if found is None else [list(click) for click in found.clicks],
    }


def places_case(photo: tuple[int, int], size: int) -> Case:
    """The corners and the middle of a photo's heat map."""
    letterbox = Letterbox.fit(*photo, size)
    columns, rows = letterbox.heat_size
    places = sorted({(0, 0), (columns - 1, 0), (columns // 2, rows // 2), (columns - 1, rows - 1)})
    return {
        "kind": "places",
        "name": f"{photo[0]} x {photo[1]} in {size}",
        "photo": list(photo),
        "input_size": size,
        "inside": list(letterbox.inside),
        "heat_size": [columns, rows],
        "heat_pixels": [list(place) for place in places],
        "photo_pixels": [list(letterbox.photo_pixel(*place)) for place in places],
    }
