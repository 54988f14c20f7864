"""Centre crop around a random object (paper section 3.3)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from squeezesam.data.records import Mask

SMALLEST_SIDE = 96.0
"""Photo pixels; a closer crop shows only blur."""


@dataclass(frozen=True)
class CropConfig:
    """How photos are cropped.

    Attributes:
        chance: share of the samples that are cropped; 0 switches off.
        sizes: smallest and largest share of the crop that the object covers, drawn log-uniformly,
            as far as the photo reaches.
    """

    chance: float = 0.5
    sizes: tuple[float, float] = (0.001, 0.6)


class Window(NamedTuple):
    """The square of a photo that becomes the network input, in photo pixels.

    It may reach beyond the photo to the right and below; that part is padding.
    """

    left: float
    top: float
    side: float

    def clipped(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part on the photo: left, top, right, bottom."""
        right, bottom = min(self.left + self.side, width), min(self.top + self.side, height)
        return self.left, self.top, right, bottom


def object_window(mask: Mask, config: CropConfig, rng: np.random.Generator) -> Window:
    """A square around the object, or around the whole photo.

    Args:
        mask: [H, W], not empty.
        config: chances and ranges.
        rng: source of randomness.
    """
    height, width = mask.shape
    whole = float(max(height, width))
    if rng.random() >= config.chance:
        return Window(0.0, 0.0, whole)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    share = np.exp(rng.uniform(*np.log(config.sizes)))
    side = float(np.clip(np.sqrt(mask.sum() / share), SMALLEST_SIDE, whole))
    # The object's centre lands anywhere in the middle half of the crop.
    left = (columns[0] + columns[-1]) / 2 - side * rng.uniform(0.25, 0.75)
    top = (rows[0] + rows[-1]) / 2 - side * rng.uniform(0.25, 0.75)
    return Window(max(left, 0.0), max(top, 0.0), side)
