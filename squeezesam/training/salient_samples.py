"""Training samples of the salient-object detector: a photo and its most prominent objects."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from squeezesam.data.records import HALF, AnnotatedImage, Coverage, Prominence, prominent
from squeezesam.training.samples import SMALLEST_SIDE, Place, Samples, Window, object_window

EMPTY_DRAWS = 12
"""Windows that are tried to find one that shows no object."""

LARGEST_EMPTY_SIDE = 0.6
"""Largest side of such a window, as a share of the short side of the photo."""


@dataclass(frozen=True)
class SalientConfig:
    """What the salient-object detector is to find.

    Attributes:
        prominence: which objects count as prominent.
        nothing: chance of a piece of background without any object, where the photo has one.
    """

    prominence: Prominence = field(default_factory=lambda: Prominence(smallest=0.03))
    nothing: float = 0.08


@dataclass
class SalientSamples(Samples):
    """Prominent objects as one target; background alone now and then. See `Samples`.

    Attributes:
        salient: what counts as prominent.
    """

    salient: SalientConfig

    def draw(
        self,
        place: Place,  # noqa: ARG002
        image: AnnotatedImage,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """See `Samples.draw`; a sample of background alone has weight 0."""
        target = prominent(image, self.salient.prominence)
        if target is None:
            return None
        pixels = image.pixels()
        if rng.random() < self.config.mirror:
            pixels, target = pixels[:, ::-1], target[:, ::-1]
        window = None
        if rng.random() < self.salient.nothing:
            window = empty_window(target, rng)
        weight = torch.tensor(1.0 if window is None else 0.0)
        if window is None:
            window = object_window(target > HALF, self.config.crop, rng)
        mask = self.cut_mask(target, window)
        return self.cut_photo(pixels, window), torch.stack([mask, mask]), weight


def empty_window(target: Coverage, rng: np.random.Generator) -> Window | None:
    """A square of the photo that shows nothing of the target [H, W]; None if none is found."""
    height, width = target.shape
    largest = LARGEST_EMPTY_SIDE * min(height, width)
    if largest <= SMALLEST_SIDE:
        return None
    for _ in range(EMPTY_DRAWS):
        side = rng.uniform(SMALLEST_SIDE, largest)
        left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
        rows, columns = slice(int(top), int(top + side) + 1), slice(int(left), int(left + side) + 1)
        if not target[rows, columns].any():
            return Window(left, top, side)
    return None
