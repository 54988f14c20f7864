"""Drawn heat maps for click sampling: what the golden vectors, the docs' picture and tests share.

Only whole numbers are used, and of NumPy's random streams the one that is kept the same for ever.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from squeezesam.saliency.clicks import Heat, Mask

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
