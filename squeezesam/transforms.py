"""The way from a photo to the square network input, and from its masks back to the photo.

The part of the input that the photo fills is a whole number of mask pixels in both directions. No
mask pixel then lies half on the padding, and a mask that reaches the edge of the photo reaches it
after upsampling as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from squeezesam.spec import (
    INPUT_SIZE,
    MAP_STRIDE,
    MASK_THRESHOLD,
    PAD_BYTE,
    PIXEL_MEAN,
    PIXEL_SCALE,
)

BAND_PIXELS = 1 << 20
"""Photo pixels that are upsampled at once; bounds the memory for large photos."""


def photo_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """Network scaling of RGB bytes: [H, W, 3] -> [3, H, W]."""
    scaled = (torch.from_numpy(pixels).float() - PIXEL_MEAN) * PIXEL_SCALE
    return scaled.permute(2, 0, 1).contiguous()


@dataclass(frozen=True)
class Letterbox:
    """A photo fitted into the top left of the square input.

    Attributes:
        width: of the photo in pixels.
        height: of the photo in pixels.
        inside: width and height that the photo takes up in the input, multiples of MAP_STRIDE.
        size: side of the input in pixels.
    """

    width: int
    height: int
    inside: tuple[int, int]
    size: int

    @classmethod
    def fit(cls, width: int, height: int, size: int = INPUT_SIZE) -> Self:
        """Fit a photo so that its long side fills the input."""
        per_mask_pixel = MAP_STRIDE * max(width, height) / size
        columns, rows = (max(1, round(side / per_mask_pixel)) for side in (width, height))
        return cls(width, height, (columns * MAP_STRIDE, rows * MAP_STRIDE), size)

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per photo pixel along x and y."""
        return self.inside[0] / self.width, self.inside[1] / self.height

    def apply(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Resize and pad a photo, uint8 RGB [H, W, 3], to the input [1, 3, size, size]."""
        canvas = Image.new("RGB", (self.size, self.size), (PAD_BYTE,) * 3)
        canvas.paste(Image.fromarray(pixels).resize(self.inside, Image.Resampling.BILINEAR))
        return photo_tensor(np.array(canvas))[None]

    def photo_logits(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Upsample mask logits [M, size/2, size/2] to the photo: [M, H, W]."""
        upsampled = np.empty((len(logits), self.height, self.width), np.float32)
        for index, rows, band in self._bands(logits):
            upsampled[index, rows] = band
        return upsampled

    def photo_masks(
        self, logits: NDArray[np.float32], threshold: float = MASK_THRESHOLD
    ) -> NDArray[np.bool_]:
        """Upsample mask logits [M, size/2, size/2], then threshold them: [M, H, W]."""
        masks = np.empty((len(logits), self.height, self.width), np.bool_)
        for index, rows, band in self._bands(logits):
            np.greater(band, threshold, out=masks[index, rows])
        return masks

    def _bands(
        self, logits: NDArray[np.float32]
    ) -> Iterator[tuple[int, slice, NDArray[np.float32]]]:
        """Every mask, upsampled a few photo rows at a time: (mask index, rows, [rows, W])."""
        columns, rows = (side // MAP_STRIDE for side in self.inside)
        step = max(1, BAND_PIXELS // self.width)
        for index, mask in enumerate(logits):
            inside = Image.fromarray(np.ascontiguousarray(mask[:rows, :columns]))
            for top in range(0, self.height, step):
                bottom = min(top + step, self.height)
                # Pillow samples across the box's own border, so bands meet without a seam.
                box = (0, top * rows / self.height, columns, bottom * rows / self.height)
                band = inside.resize((self.width, bottom - top), Image.Resampling.BILINEAR, box=box)
                yield index, slice(top, bottom), np.asarray(band)
