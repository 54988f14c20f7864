"""Training samples, still as bytes: a cropped photo, the object asked for, where the click falls.

Data sets label the same photo at several levels. A click on the sleeve should give the person, so
a mask grows into what contains it, or into the region that encloses it, and so on upwards. The
geometry alone decides; `kind` labels play no part.

Runs in the data workers and does what tensors do badly: decoding files and resizing photos of
different sizes. Everything after that is augmentation on the training device (`augmentation.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from squeezesam.data.records import (
    HALF,
    AnnotatedImage,
    Annotation,
    Coverage,
    Dataset,
    Mask,
    Skipped,
)
from squeezesam.errors import ConfigError, DataError
from squeezesam.spec import MAP_STRIDE, PAD_BYTE

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


@dataclass(frozen=True)
class MergeConfig:
    """When one mask is a piece of another.

    Attributes:
        chance: share of the samples that ask for the whole instead of the piece; 0 switches off.
        contained: share of the piece that must lie inside the whole.
        enclosed: share of the piece's outline that must touch the region around it.
        growth: least ratio of the areas of whole and piece; below it they are the same thing.
        largest: share of the photo beyond which a mask is the scene and not an object.
    """

    chance: float = 0.85
    contained: float = 0.85
    enclosed: float = 0.6
    growth: float = 1.15
    largest: float = 0.6


def whole_of_each(masks: Sequence[Mask], config: MergeConfig) -> list[tuple[int, ...]]:
    """For each mask of one photo, the masks whose union is its whole object, itself first.

    Args:
        masks: [H, W] each, all of one size.
        config: thresholds.
    """
    if not masks:
        return []
    parents = _parents(np.stack(masks), config)
    wholes = []
    for index in range(len(masks)):
        chain = [index]
        # Areas grow along the chain, so it ends.
        while (parent := parents[chain[-1]]) is not None:
            chain.append(parent)
        wholes.append(tuple(chain))
    return wholes


def _parents(masks: NDArray[np.bool_], config: MergeConfig) -> list[int | None]:
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    areas = flat.sum(axis=1)
    inside = (flat @ flat.T) / areas.clip(min=1)[:, None]  # [i, j]: share of i that lies in j
    is_object = areas <= config.largest * flat.shape[1]
    larger = (areas[None] >= config.growth * areas[:, None]) & is_object[None]
    containers = larger & (inside >= config.contained)
    rings = _rings(masks).reshape(flat.shape).astype(np.float32)
    touching = (rings @ flat.T) / rings.sum(axis=1).clip(min=1)[:, None]
    neighbours = larger & (touching >= config.enclosed) & ~_is_background(masks)[None]
    neighbours &= ~containers.any(axis=1)[:, None]
    candidates = np.where(containers | neighbours, areas[None], 0)
    return [int(row.argmax()) if row.any() else None for row in candidates]


def _rings(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that share a side with each mask and lie outside it: [M, H, W]."""
    wide = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    above, below = wide[:, :-2, 1:-1], wide[:, 2:, 1:-1]
    left, right = wide[:, 1:-1, :-2], wide[:, 1:-1, 2:]
    return (above | below | left | right) & ~masks


def _is_background(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each mask reaches two or more sides of the photo: sky encloses a bird."""
    sides = (masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1])
    return np.sum([side.any(axis=1) for side in sides], axis=0) >= 2


SMALLEST_SHARE = 0.0005
"""Masks under this share of the photo are not asked for: at training size nothing remains."""

SMALLEST_TARGET = 16
"""Mask pixels that must be left of the object after cropping."""

ROUNDING = 1e-6
"""By how much shares that are meant to add up to 1 may miss it."""

MERGE_STRIDE = 8
"""Photo pixels per pixel at which masks are compared for merging."""

MOST_REMEMBERED = 50_000
"""Photos whose merging is kept in memory."""

MOST_FAILURES = 1000
"""Draws in a row without a usable photo after which the data set counts as unusable."""


@dataclass(frozen=True)
class SampleConfig:
    """What is asked for, and how much of the photo is shown.

    Attributes:
        part: chance that a `part` is clicked where the photo has some.
        segment_weight: how much a `segment`, which may be an object or a piece of one, teaches the
            whole-object mask.
        mirror: chance of left and right changing places.
        merge: growing of pieces into wholes.
        crop: crops around the object.
    """

    part: float = 0.4
    segment_weight: float = 0.35
    mirror: float = 0.5
    merge: MergeConfig = field(default_factory=MergeConfig)
    crop: CropConfig = field(default_factory=CropConfig)


class RawSample(NamedTuple):
    """One sample, or a batch of them with a leading dimension B.

    Attributes:
        photo: [3, S, S] uint8, padded with PAD_BYTE.
        masks: [2, S/2, S/2] uint8 coverage: the whole object, and the piece of it that is clicked;
            what a subclass of `Samples` says where it draws something else.
        whole: [] how much the sample teaches the whole-object mask, 0..1.
        skipped: damaged photos that were met on the way.
    """

    photo: Tensor
    masks: Tensor
    whole: Tensor
    skipped: tuple[Skipped, ...]


def collate(samples: Sequence[RawSample]) -> RawSample:
    """A batch."""
    photos, masks, wholes, skipped = zip(*samples, strict=True)
    return RawSample(
        torch.stack(photos), torch.stack(masks), torch.stack(wholes), tuple(sum(skipped, ()))
    )


def mixture(datasets: Sequence[Dataset], shares: Mapping[str, float]) -> NDArray[np.float64]:
    """How often a sample comes from each data set; adds up to 1.

    Args:
        datasets: the data sets.
        shares: by name; what they leave over is divided among the other data sets in proportion to
            the square root of their photos, so that small ones are heard without being worn out.

    Raises:
        ConfigError: a share names no data set, or they do not fit into 1.
    """
    names = [dataset.name for dataset in datasets]
    unknown = shares.keys() - set(names)
    if unknown:
        raise ConfigError(f"no data set {sorted(unknown)[0]!r}; there are {', '.join(names)}")
    fixed = np.array([shares.get(name, 0.0) for name in names])
    free = np.array([0.0 if d.name in shares else len(d) ** 0.5 for d in datasets])
    left = 1 - fixed.sum()
    fits = min(fixed) >= 0 and left >= -ROUNDING and (free.any() or left <= ROUNDING)
    if not fits or not np.isfinite(left):
        raise ConfigError(f"shares {dict(shares)} do not fit into 1; adjust them")
    mixed = fixed + (max(left, 0) * free / free.sum() if free.any() else 0)
    return np.asarray(mixed / mixed.sum())


Place = tuple[int, int]
"""Of a photo: index of its data set, and its own index in that."""


@dataclass
class Samples(TorchDataset[RawSample]):
    """A sample for every index, which depends on the seed and the index alone.

    A resumed run therefore sees what an unbroken one would have seen.

    Attributes:
        datasets: where photos come from.
        shares: chance of each data set, adding up to 1.
        size: side S of the network input in pixels.
        seed: numbers that all draws depend on.
        config: what is asked for.
    """

    datasets: Sequence[Dataset]
    shares: NDArray[np.float64]
    size: int
    seed: Sequence[int]
    config: SampleConfig

    def __getitem__(self, index: int) -> RawSample:
        """Sample number `index`.

        Raises:
            DataError: no usable photo in many draws.
        """
        rng = np.random.default_rng([*self.seed, index])
        skipped: list[Skipped] = []
        left_out: Sequence[Skipped] = ()
        for _ in range(MOST_FAILURES):
            number = int(rng.choice(len(self.datasets), p=self.shares))
            dataset = self.datasets[number]
            place = int(rng.integers(len(dataset)))
            try:
                image = dataset[place]
                drawn = self.draw((number, place), image, rng)
            except DataError as error:
                skipped.append(Skipped(f"{dataset.name}[{place}]", str(error)))
                continue
            if drawn is not None:
                return RawSample(*drawn, tuple(skipped))
            left_out = left_out or image.left_out
        failures = [*left_out, *skipped]
        reason = f"; the last failure: {failures[-1].reason}" if failures else ""
        raise DataError(f"no usable mask in {MOST_FAILURES} draws{reason}")

    def draw(
        self, place: Place, image: AnnotatedImage, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Photo, masks and whole weight of a sample; None where nothing worth asking for remains.

        Args:
            place: of the photo.
            image: the photo and its masks.
            rng: source of randomness.
        """
        raise NotImplementedError

    def cut_photo(self, pixels: NDArray[np.uint8], window: Window) -> Tensor:
        """A window of a photo at the size of the input: [3, S, S]."""
        canvas = Image.new("RGB", (self.size, self.size), (PAD_BYTE,) * 3)
        canvas.paste(cut(Image.fromarray(np.ascontiguousarray(pixels)), window, self.size))
        return torch.from_numpy(np.array(canvas)).permute(2, 0, 1).contiguous()

    def cut_mask(self, coverage: Coverage, window: Window) -> Tensor:
        """A window of a mask at the size of the prompt maps: [S/2, S/2]."""
        side = self.size // MAP_STRIDE
        canvas = Image.new("L", (side, side))
        canvas.paste(cut(Image.fromarray(np.ascontiguousarray(coverage)), window, side))
        return torch.from_numpy(np.array(canvas))


@dataclass
class ClickSamples(Samples):
    """One object, or a piece of one, to be asked for by prompts; see `Samples`."""

    # Comparing all masks of a photo costs more than all else; the answer never changes.
    _wholes: dict[Place, list[tuple[int, ...]]] = field(default_factory=dict, init=False)

    def draw(
        self, place: Place, image: AnnotatedImage, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """See `Samples.draw`."""
        enough = SMALLEST_SHARE * image.width * image.height
        usable = [i for i, a in enumerate(image.annotations) if a.area >= enough]
        if not usable:
            return None
        chosen = pick(image.annotations, usable, self.config.part, rng)
        annotation = image.annotations[chosen]
        asked = annotation.code.coverage()
        target, kind = asked, annotation.kind
        if annotation.kind != "whole" and rng.random() < self.config.merge.chance:
            others = self._wholes_of(place, image)[chosen][1:]
            if others:
                codes = [image.annotations[other].code for other in others]
                target = np.maximum.reduce([asked, *(code.coverage() for code in codes)])
                kind = image.annotations[others[-1]].kind
        pixels = image.pixels()
        if rng.random() < self.config.mirror:
            pixels, target, asked = (array[:, ::-1] for array in (pixels, target, asked))
        if not (target > HALF).any():
            raise DataError(f"mask {chosen} of {image.name} is empty; restore it or leave it out")
        window = object_window(target > HALF, self.config.crop, rng)
        masks = torch.stack([self.cut_mask(mask, window) for mask in (target, asked)])
        if masks[0].count_nonzero() < SMALLEST_TARGET:
            return None
        weights = {"whole": 1.0, "segment": self.config.segment_weight, "part": 0.0}
        return self.cut_photo(pixels, window), masks, torch.tensor(weights[kind])

    def _wholes_of(self, place: Place, image: AnnotatedImage) -> list[tuple[int, ...]]:
        known = self._wholes.get(place)
        if known is None:
            masks = [a.mask()[::MERGE_STRIDE, ::MERGE_STRIDE] for a in image.annotations]
            known = whole_of_each(masks, self.config.merge)
            if len(self._wholes) < MOST_REMEMBERED:
                self._wholes[place] = known
        return known


def pick(
    annotations: Sequence[Annotation], usable: Sequence[int], part: float, rng: np.random.Generator
) -> int:
    """Index of the annotation that is clicked.

    Args:
        annotations: the annotations of one photo.
        usable: indices to choose from.
        part: chance of a `part` where there are parts and others.
        rng: source of randomness.
    """
    parts = [i for i in usable if annotations[i].kind == "part"]
    others = [i for i in usable if annotations[i].kind != "part"]
    if parts and (not others or rng.random() < part):
        return parts[rng.integers(len(parts))]
    # Regions of a segmentation: prefer those large enough to be things.
    weights = np.array(
        [annotations[i].area ** 0.5 if is_segment(annotations[i]) else 1.0 for i in others]
    )
    return others[rng.choice(len(others), p=weights / weights.sum())]


def is_segment(annotation: Annotation) -> bool:
    """Whether it is a region that may be an object or a piece of one."""
    return annotation.kind == "segment"


def cut(picture: Image.Image, window: Window, size: int) -> Image.Image:
    """The part of a window that lies on the picture, scaled so that the window has `size`."""
    box = window.clipped(picture.width, picture.height)
    scale = size / window.side
    width, height = (max(round((box[i + 2] - box[i]) * scale), 1) for i in range(2))
    return picture.resize((width, height), Image.Resampling.BILINEAR, box=box)
