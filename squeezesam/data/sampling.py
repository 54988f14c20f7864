"""Training samples: which mask is asked for, and how its photo is cropped, pasted and coloured.

Whole-object training (paper section 3.3): targets are complete objects, clicks fall anywhere on
them, so a click on a T-shirt has to give the person. Half of the samples crop around the object; a
third paste a foreign object in, which is then either the target or an occluder to leave out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from squeezesam.data.open import open_dataset
from squeezesam.data.records import AnnotatedImage, Annotation, Dataset
from squeezesam.errors import DataError
from squeezesam.spec import MAP_STRIDE, PAD_BYTE
from squeezesam.transforms import photo_tensor

FOLDER_WEIGHTS = {
    "ecssd": 0.32,
    "coco128": 0.20,
    "ccp": 0.14,
    "bsds": 0.16,
    "human290": 0.10,
    "pennfudan": 0.08,
}
"""How often a sample comes from each folder of the training set; others share what is left."""

SMALLEST_SHARE = 0.004
"""Masks under this share of the photo are not asked for: at training size nothing remains."""

SMALLEST_TARGET = 16
"""Mask pixels that must be left of the object after cropping and pasting."""


@dataclass(frozen=True)
class AugmentConfig:
    """Probabilities and ranges of the augmentation.

    Attributes:
        crop: chance of a crop around the object instead of the whole photo.
        context: side of that crop over the long side of the object, smallest and largest.
        paste: chance that an object of another photo is pasted in.
        paste_is_target: chance that the pasted object is the one asked for.
        part: chance that a `part` is asked for where the photo has some.
        jitter: largest relative change of brightness, contrast and saturation.
        grey: chance of a grey photo.
    """

    crop: float = 0.55
    context: tuple[float, float] = (1.1, 3.5)
    paste: float = 0.35
    paste_is_target: float = 0.6
    part: float = 0.12
    jitter: float = 0.35
    grey: float = 0.05


class ClickSamples(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Samples (image [3, S, S], target [1, S/2, S/2], is_whole []), one for every index.

    `target` is the share of each mask pixel inside the object; `is_whole` is 0 for a part, which
    may answer through the alternative masks only. Sample i depends on the seed and i alone, so a
    resumed run sees what an unbroken one would have seen.
    """

    def __init__(self, root: Path, size: int, seed: int, augment: AugmentConfig) -> None:
        self.size, self.seed, self.augment = size, seed, augment
        folders = sorted(path for path in root.glob("*") if path.is_dir())
        if not folders:
            raise DataError(f"{root} holds no data folder; give the parent of e.g. ccp/")
        self.images = [self._usable(open_dataset(folder)) for folder in folders]
        weights = np.array([FOLDER_WEIGHTS.get(folder.name, 0.15) for folder in folders])
        self.weights = weights / weights.sum()

    @staticmethod
    def _usable(dataset: Dataset) -> list[AnnotatedImage]:
        kept = []
        for image in (dataset[index] for index in range(len(dataset))):
            enough = SMALLEST_SHARE * image.width * image.height
            annotations = tuple(a for a in image.annotations if a.area >= enough)
            if annotations:
                kept.append(
                    AnnotatedImage(image.name, image.source, image.width, image.height, annotations)
                )
        return kept

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        while True:
            photo, target, is_whole = self._draw(rng)
            if target.sum() >= SMALLEST_TARGET:
                return photo_tensor(photo), target, torch.tensor(float(is_whole))

    def _pick(self, rng: np.random.Generator) -> tuple[AnnotatedImage, Annotation]:
        images = self.images[rng.choice(len(self.images), p=self.weights)]
        image = images[rng.integers(len(images))]
        parts = [a for a in image.annotations if a.kind == "part"]
        wholes = [a for a in image.annotations if a.kind != "part"]
        if parts and (not wholes or rng.random() < self.augment.part):
            return image, parts[rng.integers(len(parts))]
        if wholes[0].kind == "segment":
            # Regions of a segmentation: prefer those large enough to be things.
            areas = np.sqrt([a.area for a in wholes])
            return image, wholes[rng.choice(len(wholes), p=areas / areas.sum())]
        return image, wholes[rng.integers(len(wholes))]

    def _draw(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Tensor, bool]:
        image, annotation = self._pick(rng)
        mask = annotation.mask()
        box = self._window(mask, rng)
        photo, target = self._cut(Image.fromarray(image.pixels()), mask, box, rng)
        is_whole = annotation.kind != "part"
        if rng.random() < self.augment.paste:
            photo, target, is_whole = self._paste(photo, target, is_whole, rng)
        canvas = Image.new("RGB", (self.size, self.size), (PAD_BYTE,) * 3)
        canvas.paste(photo)
        padded = torch.zeros(1, self.size, self.size)
        padded[0, : photo.height, : photo.width] = torch.from_numpy(target)
        return np.array(canvas), F.avg_pool2d(padded, MAP_STRIDE), is_whole

    def _window(
        self, mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[float, float, float]:
        """Left, top and side of the square of the photo that becomes the network input."""
        height, width = mask.shape
        if rng.random() >= self.augment.crop:
            return 0.0, 0.0, float(max(height, width))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        extent = max(np.ptp(rows), np.ptp(columns)) + 1
        side = min(extent * np.exp(rng.uniform(*np.log(self.augment.context))), max(height, width))
        side = max(side, 96.0)
        # The object's centre lands anywhere in the middle half of the crop.
        x = (columns[0] + columns[-1]) / 2 - side * rng.uniform(0.25, 0.75)
        y = (rows[0] + rows[-1]) / 2 - side * rng.uniform(0.25, 0.75)
        return max(x, 0.0), max(y, 0.0), side

    def _cut(
        self,
        photo: Image.Image,
        mask: NDArray[np.bool_],
        window: tuple[float, float, float],
        rng: np.random.Generator,
    ) -> tuple[Image.Image, NDArray[np.bool_]]:
        """A window of the photo and of its mask, scaled to fit the input and perhaps mirrored."""
        left, top, side = window
        right, bottom = min(left + side, photo.width), min(top + side, photo.height)
        scale = self.size / side
        inside = (max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1))
        box = (left, top, right, bottom)
        small = photo.resize(inside, Image.Resampling.BILINEAR, box=box)
        shape = Image.fromarray(mask.view(np.uint8) * np.uint8(255))
        shape = shape.resize(inside, Image.Resampling.BILINEAR, box=box)
        if rng.random() < 0.5:
            small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            shape = shape.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return self._colour(small, rng), np.asarray(shape) > 127

    def _paste(
        self,
        photo: Image.Image,
        target: NDArray[np.bool_],
        is_whole: bool,
        rng: np.random.Generator,
    ) -> tuple[Image.Image, NDArray[np.bool_], bool]:
        """Put a whole object of another photo over this one, as the target or in front of it."""
        image, annotation = self._pick(rng)
        if annotation.kind != "whole":
            return photo, target, is_whole
        mask = annotation.mask()
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        object_photo = Image.fromarray(image.pixels()).crop(box)
        object_mask = Image.fromarray(mask.view(np.uint8) * np.uint8(255)).crop(box)
        long_side = rng.uniform(0.15, 0.8) * max(photo.size)
        scale = long_side / max(object_photo.size)
        width, height = object_photo.size
        shown = (max(round(width * scale), 4), max(round(height * scale), 4))
        object_photo = self._colour(object_photo.resize(shown, Image.Resampling.BILINEAR), rng)
        object_mask = object_mask.resize(shown, Image.Resampling.BILINEAR)
        # Its centre lies anywhere on the photo, so up to three quarters of it may be cut off.
        x = int(rng.uniform(0, photo.width) - shown[0] / 2)
        y = int(rng.uniform(0, photo.height) - shown[1] / 2)
        photo.paste(object_photo, (x, y), object_mask)
        layer = Image.new("L", photo.size)
        layer.paste(object_mask, (x, y))
        pasted = np.asarray(layer) > 127
        left_over = target & ~pasted
        if rng.random() < self.augment.paste_is_target or left_over.sum() < 0.3 * target.sum():
            return photo, pasted, True
        return photo, left_over, is_whole

    def _colour(self, photo: Image.Image, rng: np.random.Generator) -> Image.Image:
        if rng.random() < self.augment.grey:
            photo = photo.convert("L").convert("RGB")
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            factor = 1 + rng.uniform(-self.augment.jitter, self.augment.jitter)
            photo = enhance(photo).enhance(factor)
        return photo
