"""Golden vectors of a photo's way into the network and of a mask's way back, for ports.

`golden_vectors` gives a list of cases that JSON holds as they are. Every case has `kind` and
`name`. What a port has to do is written in the manifest of a bundle, under `preprocessing`,
`photo_mask` and `photo_alpha`. Where a case has `tolerance`, an answer may differ from a field that
is named there by that much; all other answers are the same in every bit.

Kind `letterbox`, from a photo to the input of the network:
    photo: width and height.
    pixels: its RGB bytes row by row, in base64.
    view: [left, top, width, height] of the part that is shown to the network.
    input_size: side of the square input.
    image: its bytes before `scaling`: all red ones row by row, then green, then blue; in base64.

Kind `upsampling`, from logits to masks at the size of the photo:
    photo, input_size: as above.
    logits: input_size / 2 squared numbers, row by row, the padding among them.
    photo_logits: width * height numbers.
    photo_mask: as many bytes, 1 inside and 0 outside, in base64.
    photo_alpha: as many opacities from 0 to 255.
"""

import base64

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.looks import View
from squeezesam.spec import MAP_STRIDE, PIXEL_MEAN, PIXEL_SCALE
from squeezesam.vectors.looks import corner_and_sides
from squeezesam.vectors.masks import Case, encoded
from squeezesam.vectors.saliency import noise

SIZE = 32
DIGITS = 5
"""Behind the point of numbers that are compared with a tolerance."""

SHOWN: dict[str, tuple[tuple[int, int], View | None]] = {
    "a photo that shrinks": ((75, 47), None),
    "a view that shrinks": ((59, 57), View(8, 11, 45, 46)),
    "a view that grows": ((41, 67), View(10, 20, 13, 11)),
    "a small photo": ((13, 20), None),
    "as large as the input": ((SIZE, SIZE), None),
    "a wide photo": ((211, 9), None),
    "a tall photo": ((5, 150), None),
    "one pixel": ((1, 1), None),
}
"""Sizes of photos, and views of them; None for all of the photo."""

ENLARGED = ((41, 26), (12, 49), (10, 6), (53, 5), (SIZE, SIZE), (1, 1))
"""Sizes of photos to which masks grow, or shrink in one or both directions."""


def golden_vectors() -> list[Case]:
    """All cases; see the module."""
    cases = [
        letterbox_case(name, photo, view, seed)
        for seed, (name, (photo, view)) in enumerate(SHOWN.items())
    ]
    return cases + [upsampling_case(photo) for photo in ENLARGED]


def letterbox_case(name: str, photo: tuple[int, int], view: View | None, seed: int) -> Case:
    """A photo of noise, or a part of it, as the network sees it."""
    width, height = photo
    part = view or View.whole(width, height)
    pixels = noise(3 * width, height, seed).reshape(height, width, 3)
    image = Letterbox.fit(part.width, part.height, SIZE).apply(part.shown(pixels))
    return {
        "kind": "letterbox",
        "name": name,
        "photo": list(photo),
        "pixels": packed(pixels),
        "view": corner_and_sides(part),
        "input_size": SIZE,
        "image": packed((image / PIXEL_SCALE + PIXEL_MEAN).round().to(torch.uint8).numpy()),
    }


def upsampling_case(photo: tuple[int, int]) -> Case:
    """A smooth mask at the size of a photo."""
    y, x = np.mgrid[: SIZE // MAP_STRIDE, : SIZE // MAP_STRIDE]
    logits = (6 * np.sin(x / 2) + 5 * np.cos(y / 2.5) + 0.34).round(2).astype(np.float32)[None]
    letterbox = Letterbox.fit(*photo, SIZE)
    (mask,) = letterbox.photo_masks(logits)
    (alpha,) = letterbox.photo_alphas(logits)
    return {
        "kind": "upsampling",
        "name": f"{photo[0]} x {photo[1]}",
        "photo": list(photo),
        "input_size": SIZE,
        "logits": numbers(logits),
        "photo_logits": numbers(letterbox.photo_logits(logits)),
        "photo_mask": encoded(mask),
        "photo_alpha": alpha.ravel().tolist(),
        "tolerance": {"photo_logits": 1e-4, "photo_alpha": 1},
    }


def packed(array: NDArray[np.uint8]) -> str:
    """Bytes in base64."""
    return base64.b64encode(array.tobytes()).decode("ascii")


def numbers(array: NDArray[np.float32], digits: int = DIGITS) -> list[float]:
    """All numbers of an array row by row, with few digits."""
    rounded: list[float] = array.astype(np.float64).round(digits).ravel().tolist()
    return rounded
