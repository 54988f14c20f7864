"""The ways to the input and back by Pillow alone, for ours and the runner's to stand beside."""

from pathlib import Path

import numpy as np
from PIL import Image

from squeezesam.inference.letterbox import Letterbox
from squeezesam.spec import MAP_STRIDE

BILINEAR = Image.Resampling.BILINEAR


def picture_size(path: Path | str) -> tuple[int, int]:
    """Width and height of a picture that nobody else opens."""
    with Image.open(path) as picture:
        return picture.size


def fitted_photo(photo: np.ndarray, size: int) -> np.ndarray:
    """The part of the square input that a photo [H, W, 3] fills, in bytes."""
    letterbox = Letterbox.fit(photo.shape[1], photo.shape[0], size)
    return np.asarray(Image.fromarray(photo).resize(letterbox.inside, BILINEAR))


def photo_logits(logits: np.ndarray, letterbox: Letterbox) -> np.ndarray:
    """One mask's logits [size/2, size/2] at the size of the photo."""
    columns, rows = (side // MAP_STRIDE for side in letterbox.inside)
    inside = Image.fromarray(np.ascontiguousarray(logits[:rows, :columns]))
    return np.asarray(inside.resize((letterbox.width, letterbox.height), BILINEAR))
