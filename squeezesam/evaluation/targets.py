"""What is evaluated on a photo: its whole objects, each with the parts it is known to have."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.records import HALF, AnnotatedImage, Annotation, Mask, Skipped
from squeezesam.errors import DataError

PART_INSIDE = 0.5
"""A part belongs to the whole that holds the most of it, if it holds this share."""


@dataclass(frozen=True, eq=False)
class PackedMask:
    """A mask in a bit for each pixel: a photo may have hundreds, and all are held at once.

    Attributes:
        bits: one bit for each pixel, row by row.
        shape: height and width.
    """

    bits: NDArray[np.uint8]
    shape: tuple[int, int]

    @classmethod
    def of(cls, mask: Mask) -> Self:
        """Pack a mask [H, W]."""
        return cls(np.packbits(mask), (mask.shape[0], mask.shape[1]))

    def unpacked(self) -> Mask:
        """The mask [H, W]."""
        height, width = self.shape
        return np.unpackbits(self.bits, count=height * width).reshape(self.shape).view(np.bool_)

    @property
    def area(self) -> int:
        """Pixels inside."""
        return int(np.bitwise_count(self.bits).sum())

    def shared(self, other: "PackedMask") -> "PackedMask":
        """What lies inside both of two masks of one size."""
        return PackedMask(self.bits & other.bits, self.shape)


@dataclass(frozen=True, eq=False)
class WantedObject:
    """One object to find.

    Attributes:
        index: place among the photo's annotations.
        whole: not empty, and empty where the photo ignores its pixels.
        known_parts: what of the parts lies inside `whole`.
        counted: [H, W], the pixels that an answer is judged by; None for all.
    """

    index: int
    whole: PackedMask
    known_parts: tuple[PackedMask, ...] = ()
    counted: Mask | None = None

    @property
    def mask(self) -> Mask:
        """The object, [H, W]."""
        return self.whole.unpacked()

    @property
    def parts(self) -> tuple[Mask, ...]:
        """Its parts, [H, W] each."""
        return tuple(part.unpacked() for part in self.known_parts)

    def judged(self, answer: Mask) -> Mask:
        """What of an answer [H, W] counts."""
        return answer if self.counted is None else answer & self.counted


def find_targets(image: AnnotatedImage) -> tuple[list[WantedObject], list[Skipped]]:
    """The objects of a photo, and the annotations that had to be left out.

    Every annotation that is no `part` is an object; parts without a whole are ignored.

    Raises:
        DataError: what the photo ignores is damaged.
    """
    counted = None if image.ignore is None else image.ignore.coverage() <= HALF
    wholes: dict[int, PackedMask] = {}
    parts: list[PackedMask] = []
    skipped = []
    for index, annotation in enumerate(image.annotations):
        try:
            mask = checked_mask(image, annotation, counted)
        except DataError as error:
            skipped.append(Skipped(f"{image.name} annotation {index}", str(error)))
            continue
        if annotation.kind == "part":
            parts.append(PackedMask.of(mask))
        else:
            wholes[index] = PackedMask.of(mask)
    parts_of: dict[int, list[PackedMask]] = {index: [] for index in wholes}
    for part in parts:
        inside = {index: part.shared(whole).area for index, whole in wholes.items()}
        owner = max(inside, key=lambda index: inside[index], default=None)
        if owner is not None and inside[owner] >= PART_INSIDE * part.area:
            parts_of[owner].append(part.shared(wholes[owner]))
    targets = [
        WantedObject(index, mask, tuple(parts_of[index]), counted) for index, mask in wholes.items()
    ]
    return targets, skipped


def checked_mask(image: AnnotatedImage, annotation: Annotation, counted: Mask | None) -> Mask:
    """The mask of an annotation where pixels count, [H, W].

    Raises:
        DataError: damaged, empty or not of the photo's size.
    """
    mask = annotation.mask()
    if mask.shape != (image.height, image.width):
        raise DataError(
            f"the mask is {mask.shape[1]}x{mask.shape[0]}, "
            f"the photo is {image.width}x{image.height}"
        )
    if counted is not None:
        mask = mask & counted
    if not mask.any():
        raise DataError("the mask is empty")
    return mask
