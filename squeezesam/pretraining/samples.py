"""Training samples of a pretraining: a piece of a photo, and what the teacher makes of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from squeezesam.data.listing import PHOTO_SUFFIXES, list_files, list_folders, same_name, split_name
from squeezesam.data.open import find_reader
from squeezesam.data.records import AnnotatedImage, Dataset
from squeezesam.distillation.labels import open_photos
from squeezesam.errors import DataError
from squeezesam.files import PathLike
from squeezesam.pretraining.options import CropOptions, TargetOptions
from squeezesam.pretraining.teachers import CachedTeacher, PhotoFeatures
from squeezesam.spec import EMBEDDING_STRIDE
from squeezesam.training.samples import Place, Samples

TRIES = 10
"""Draws of a piece that fits the photo, after which the whole photo is taken, as in MAE."""


def open_photo_sets(*roots: PathLike) -> list[Dataset]:
    """Each root itself where it is a data set or a folder of photos, else every folder below it.

    Raises:
        DataError: there is none below a root, two have one name, or one is damaged.
    """
    found: list[Dataset] = []
    for root in map(Path, roots):
        below = list(_photo_sets_below(root))
        if not below:
            raise DataError(f"{root} holds no photos and no data set; check the name")
        found += below
    names = [same_name(dataset.name) for dataset in found]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"two sets of photos are named {name!r}; rename one or leave it out")
    return found


def _photo_sets_below(root: Path, above: tuple[Path, ...] = ()) -> Iterator[Dataset]:
    if find_reader(root) is not None:
        yield open_photos(root)
    elif root.is_dir() and root.resolve() not in above:  # links may lead back up
        if any(split_name(name)[1] in PHOTO_SUFFIXES for name in list_files(root)):
            yield open_photos(root)
        for name in list_folders(root):
            yield from _photo_sets_below(root / name, (*above, root.resolve()))


class Piece(NamedTuple):
    """A rectangle of a photo, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


def random_piece(width: int, height: int, options: CropOptions, rng: np.random.Generator) -> Piece:
    """A piece of a photo of some width and height in pixels: of random area, aspect and place."""
    bound = math.log(options.aspect)
    for _ in range(TRIES):
        area = rng.uniform(*options.area)
        aspect = math.exp(rng.uniform(-bound, bound)) * height / width
        wide, high = math.sqrt(area * aspect), math.sqrt(area / aspect)
        if wide <= 1 and high <= 1:
            left, top = rng.uniform(0, 1 - wide), rng.uniform(0, 1 - high)
            return Piece(left, top, left + wide, top + high)
    return Piece(0.0, 0.0, 1.0, 1.0)


def token_targets(features: PhotoFeatures, piece: Piece, side: int, points: int) -> Tensor:
    """A teacher's features for each token of a piece of its photo: [C, side, side].

    Args:
        features: of the whole photo.
        piece: what the student sees.
        side: tokens along each side.
        points: as in `TargetOptions`.
    """
    count = side * points
    places = (torch.arange(count) + 0.5) / count

    def along(low: float, high: float, extent: float) -> Tensor:
        return 2 * extent * (low + places * (high - low)) - 1

    across = along(piece.left, piece.right, features.extent[0])
    down = along(piece.top, piece.bottom, features.extent[1])
    grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=2)[None]
    read = F.grid_sample(
        features.map[None].float(), grid, padding_mode="border", align_corners=False
    )
    return F.avg_pool2d(read, points)[0]


@dataclass
class PhotoSamples(Samples):
    """Pieces of photos, whose masks play no part; see `Samples`.

    Attributes:
        crop: what is shown.
        teacher: who is asked; None where the pixels themselves are predicted.
        target: how its features are taken.
    """

    crop: CropOptions
    teacher: CachedTeacher | None
    target: TargetOptions

    def draw(
        self,
        place: Place,  # noqa: ARG002
        image: AnnotatedImage,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """The piece [3, S, S], features [C, S/16, S/16] or nothing, and a weight without use."""
        pixels = image.pixels()
        height, width = pixels.shape[:2]
        piece = random_piece(width, height, self.crop, rng)
        mirrored = bool(rng.random() < self.crop.mirror)
        box = tuple(share * side for share, side in zip(piece, (width, height) * 2, strict=True))
        shown = Image.fromarray(np.ascontiguousarray(pixels)).resize(
            (self.size, self.size), Image.Resampling.BICUBIC, box=box
        )
        photo = torch.from_numpy(np.array(shown)).permute(2, 0, 1)
        features = torch.zeros(0)
        if self.teacher is not None:
            known = self.teacher.features(image, pixels)
            side = self.size // EMBEDDING_STRIDE
            features = token_targets(known, piece, side, self.target.points)
        if mirrored:
            photo, features = photo.flip(-1), features.flip(-1)
        return photo.contiguous(), features, torch.tensor(1.0)
