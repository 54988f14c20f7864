"""The way from a photo to the square network input, and from its masks back to the photo.

A photo of 12 megapixels makes 48 MB of one mask's logits. A band stays in the processor's cache
while its user compares or copies it, and the memory that it takes does not grow with the height of
the photo. A mask that is only asked for its outline is interpolated nowhere else.

The part of the input that the photo fills is a whole number of mask pixels in both directions. No
mask pixel then lies half on the padding, and a mask that reaches the edge of the photo reaches it
after upsampling as well.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import (
    EDGE_SHARPNESS,
    EFFICIENTSAM_MASK_STRIDE,
    EFFICIENTSAM_SIZE,
    INPUT_SIZE,
    MAP_STRIDE,
    MASK_THRESHOLD,
    PAD_BYTE,
    PIXEL_MEAN,
    PIXEL_SCALE,
    SALIENCY_STRIDE,
    SAM_PAD,
    SAM_SIZE,
)

BAND_ROWS = 128


def enlarged_bands(mask: Tensor, size: tuple[int, int]) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows and what belongs there of a mask [h, w], resized bilinearly to `size` (H, W).

    A mask that shrinks in a direction is antialiased, and comes in one piece.
    """
    if _shrinks(mask, size):
        yield slice(0, size[0]), _shrunk(mask, size)
        return
    wide, weights = _widened(mask, size[1]), _row_weights(len(mask), size[0])
    for rows, used in _bands(len(mask), size[0]):
        yield rows, weights[rows, used] @ wide[used]


def enlarged_masks(
    masks: Sequence[Tensor] | Tensor,
    threshold: float,
    size: tuple[int, int],
    *,
    antialias: bool = True,
) -> NDArray[np.bool_]:
    """Where masks [M, h, w], resized bilinearly to `size` (H, W), exceed a threshold: [M, H, W].

    Args:
        masks: logits.
        threshold: logits above it belong to the mask.
        size: height and width.
        antialias: whether a mask that shrinks in a direction is antialiased.
    """
    enlarged = torch.empty(len(masks), *size, dtype=torch.bool)
    for mask, place in zip(masks, enlarged, strict=True):
        _enlarge_above(mask, threshold, place, antialias)
    return enlarged.numpy()


def _enlarge_above(mask: Tensor, threshold: float, enlarged: Tensor, antialias: bool) -> None:
    """Fill in where a mask [h, w], resized bilinearly, exceeds a threshold; `enlarged` is [H, W].

    A pixel between four that all exceed the threshold exceeds it too, and a pixel between four
    that do not exceed it does not. So only the pixels along the outline are computed.
    """
    height, width = enlarged.shape
    if _shrinks(mask, (height, width)):
        torch.gt(_shrunk(mask, (height, width), antialias=antialias), threshold, out=enlarged)
        return
    rows, columns = mask.shape
    wide, weights = _widened(mask, width), _row_weights(rows, height)
    above = mask > threshold
    left = np.maximum((2 * np.arange(width) + 1) * columns - width, 0) // (2 * width)
    right = np.minimum(left + 1, columns - 1)
    for band, used in _bands(rows, height):
        everywhere, somewhere = above[used].all(0).numpy(), above[used].any(0).numpy()
        inside = everywhere[left] & everywhere[right]
        outline = ~inside & (somewhere[left] | somewhere[right])
        for start, stop in _runs(inside, outline):
            part = enlarged[band, start:stop]
            if outline[start]:
                torch.gt(weights[band, used] @ wide[used, start:stop], threshold, out=part)
            else:
                part.fill_(bool(inside[start]))


def _runs(*lines: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Start and stop of each stretch in which none of the lines changes."""
    changes = np.logical_or.reduce([line[1:] != line[:-1] for line in lines])
    return pairwise([0, *(np.flatnonzero(changes) + 1).tolist(), len(lines[0])])


def _bands(rows: int, height: int) -> Iterator[tuple[slice, slice]]:
    """Rows of the photo, and those of the mask that they depend on."""
    for start in range(0, height, BAND_ROWS):
        stop = min(start + BAND_ROWS, height)
        # A row lies between two of the mask; outside of these the weights are zero.
        yield (
            slice(start, stop),
            slice(max(0, start * rows // height - 1), stop * rows // height + 2),
        )


def _shrinks(mask: Tensor, size: tuple[int, int]) -> bool:
    return size[0] < mask.shape[0] or size[1] < mask.shape[1]


def _shrunk(mask: Tensor, size: tuple[int, int], *, antialias: bool = True) -> Tensor:
    return F.interpolate(mask[None, None], size, mode="bilinear", antialias=antialias)[0, 0]


def _widened(mask: Tensor, width: int) -> Tensor:
    return F.interpolate(mask[None, None], (len(mask), width), mode="bilinear")[0, 0]  # [h, W]


def _row_weights(rows: int, height: int) -> Tensor:
    """What every row of the mask gives to every row of the photo: [height, rows]."""
    return F.interpolate(torch.eye(rows)[None, None], (height, rows), mode="bilinear")[0, 0]


def resized(
    pixels: NDArray[np.uint8], size: tuple[int, int], *, antialias: bool = True
) -> NDArray[np.uint8]:
    """Resize RGB bytes [H, W, 3] to a width and height, bilinear and usually antialiased.

    The filter is Pillow's. PyTorch's kernel for bytes takes a fifth of the time and differs from
    Pillow by two levels at most.
    """
    # A copy only where it has to be one: a flipped row counts as contiguous, but torch refuses it.
    flipped = any(stride < 0 for stride in pixels.strides)
    usable = pixels.copy() if flipped else np.require(pixels, requirements=["C", "W"])
    planes = torch.from_numpy(usable).permute(2, 0, 1)[None]
    width, height = size
    if antialias:
        fitted = F.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    else:  # PyTorch's kernel for bytes is off by up to a level here, and all floats are too many
        fitted = torch.empty(1, 3, height, width, dtype=torch.uint8)
        for place, plane in zip(fitted[0], planes[0], strict=True):
            floats = F.interpolate(plane.float()[None, None], (height, width), mode="bilinear")
            place.copy_(floats[0, 0].round_())
    return fitted[0].permute(1, 2, 0).numpy()


def scaled(levels: Tensor) -> Tensor:
    """Network scaling of floats that hold bytes' levels, in place."""
    return levels.sub_(PIXEL_MEAN).mul_(PIXEL_SCALE)


@dataclass(frozen=True)
class Letterbox:
    """A photo fitted into the top left of the square input.

    Attributes:
        width: width of the photo in pixels.
        height: height of the photo in pixels.
        inside: width and height that the photo takes up in the input, multiples of `mask_stride`.
        size: side of the input in pixels.
        mask_stride: input pixels per mask pixel.
        antialias: whether a photo that shrinks is smoothed before.
        padding: RGB bytes beside the photo.
    """

    mask_stride: ClassVar[int] = MAP_STRIDE
    antialias: ClassVar[bool] = True
    padding: ClassVar[tuple[int, int, int]] = (PAD_BYTE, PAD_BYTE, PAD_BYTE)

    width: int
    height: int
    inside: tuple[int, int]
    size: int

    @classmethod
    def fit(cls, width: int, height: int, size: int = INPUT_SIZE) -> Self:
        """Fit a photo so that its long side fills the input."""
        stride = cls.mask_stride
        whole = stride * max(width, height)
        # One division of whole numbers: a half is met exactly at every size, and goes to even.
        columns, rows = (max(1, round(side * size / whole)) for side in (width, height))
        return cls(width, height, (columns * stride, rows * stride), size)

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per photo pixel along x and y."""
        return self.inside[0] / self.width, self.inside[1] / self.height

    @property
    def mask_size(self) -> tuple[int, int]:
        """Columns and rows of a mask that lie on the photo."""
        columns, rows = (side // self.mask_stride for side in self.inside)
        return columns, rows

    def mask_pixel(self, x: float, y: float) -> tuple[int, int]:
        """The mask pixel (x, y) under the centre of a photo pixel, of whole numbers exactly."""
        column, row = (
            min(math.floor((2 * float(place) + 1) * inside / (2 * side)), inside - 1)
            for place, side, inside in zip(
                (x, y), (self.width, self.height), self.mask_size, strict=True
            )
        )
        return column, row

    def mask_window(self, box: NDArray[np.float32]) -> tuple[slice, slice]:
        """Rows and columns of a mask whose centres lie in a box (x0, y0, x1, y1) on the photo."""
        columns, rows = (
            slice(
                *(
                    max(0, math.ceil((2 * float(edge) * inside - side) / (2 * side)))
                    for edge in edges
                )
            )
            for edges, side, inside in zip(
                (box[::2], box[1::2]), (self.width, self.height), self.mask_size, strict=True
            )
        )
        return rows, columns

    @property
    def heat_size(self) -> tuple[int, int]:
        """Columns and rows of the heat map that have their centre on the photo, at least one."""
        columns, rows = (
            max(1, (side + SALIENCY_STRIDE // 2 - 1) // SALIENCY_STRIDE) for side in self.inside
        )
        return columns, rows

    def photo_pixel(self, x: int, y: int) -> tuple[int, int]:
        """The photo pixel (x, y) under the centre of a pixel of the heat map."""
        centres = ((2 * place + 1) * SALIENCY_STRIDE // 2 for place in (x, y))
        column, row = (
            min(centre * side // inside, side - 1)
            for centre, side, inside in zip(
                centres, (self.width, self.height), self.inside, strict=True
            )
        )
        return column, row

    def apply(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Resize and pad a photo, uint8 RGB [H, W, 3], to the input [1, 3, size, size]."""
        padding = torch.tensor(self.padding, dtype=torch.float32)
        image = padding.view(1, 3, 1, 1).repeat(1, 1, self.size, self.size)
        columns, rows = self.inside
        fitted = torch.from_numpy(resized(pixels, self.inside, antialias=self.antialias))
        image[0, :, :rows, :columns] = fitted.permute(2, 0, 1)
        return scaled(image)

    def photo_logits(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Upsample mask logits [M, size/2, size/2] to the photo: [M, H, W]."""
        whole = torch.empty(len(logits), self.height, self.width)
        for enlarged, mask in zip(whole, logits, strict=True):
            for rows, band in enlarged_bands(self._inside(mask), (self.height, self.width)):
                enlarged[rows] = band
        return whole.numpy()

    def photo_masks(
        self, logits: NDArray[np.float32], threshold: float = MASK_THRESHOLD
    ) -> NDArray[np.bool_]:
        """Upsample mask logits [M, size/2, size/2], then threshold them: [M, H, W]."""
        inside = [self._inside(mask) for mask in logits]
        return enlarged_masks(inside, threshold, (self.height, self.width))

    def photo_alphas(self, logits: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Upsample mask logits [M, size/2, size/2] to the opacity of cut-outs: [M, H, W] bytes.

        Near the outline the opacity is how sure the network is; away from it, 0 or 255. A mask
        pixel is near where one of the eight around it is on the other side of the outline; this
        is resized like the logits, so that the softness fades out.
        """
        alphas = torch.empty(len(logits), self.height, self.width, dtype=torch.uint8)
        for alpha, whole in zip(alphas, logits, strict=True):
            mask = self._inside(whole)
            sides = (mask > MASK_THRESHOLD).float()[None, None]
            most, least = (F.max_pool2d(one, 3, stride=1, padding=1) for one in (sides, -sides))
            near = (most + least)[0, 0]
            size = (self.height, self.width)
            bands = zip(enlarged_bands(mask, size), enlarged_bands(near, size), strict=True)
            for (rows, band), (_, softness) in bands:
                hard = (band > MASK_THRESHOLD).float()
                soft = torch.sigmoid(EDGE_SHARPNESS * (band - MASK_THRESHOLD))
                alpha[rows] = torch.lerp(hard, soft, softness).mul_(255).round_()
        return alphas.numpy()

    def _inside(self, mask: NDArray[np.float32]) -> Tensor:
        """The part of a mask [size/2, size/2] that lies on the photo."""
        columns, rows = self.mask_size
        return torch.from_numpy(np.ascontiguousarray(mask[:rows, :columns]))


class Stretched(Letterbox):
    """All of a photo stretched to the square input.

    EfficientSAM and the early SqueezeSAM were trained with such photos. The photo becomes whole
    bytes again, where the published code keeps fractions, so that an app can hand over a picture;
    it changes the input by half a level of 255 at the most.
    """

    mask_stride = EFFICIENTSAM_MASK_STRIDE
    antialias = False

    @classmethod
    def fit(cls, width: int, height: int, size: int = EFFICIENTSAM_SIZE) -> Self:
        """Stretch a photo over the input."""
        return cls(width, height, (size, size), size)


class EarlyStretched(Stretched):
    """All of a photo stretched to the square input, with masks as large as ours."""

    mask_stride = MAP_STRIDE


class MeanPadded(Letterbox):
    """A photo fitted into the square input of the Segment Anything family.

    The published code rounds the photo's short side to whole input pixels, this to whole mask
    pixels: it is off by two input pixels at the most.
    """

    mask_stride = EFFICIENTSAM_MASK_STRIDE
    padding = SAM_PAD

    @classmethod
    def fit(cls, width: int, height: int, size: int = SAM_SIZE) -> Self:
        """Fit a photo so that its long side fills the input."""
        return super().fit(width, height, size)
