"""What is evaluated on a photo: its whole objects, each with the parts it is known to have."""

from dataclasses import dataclass

import numpy as np

from squeezesam.data.records import HALF, AnnotatedImage, Annotation, Mask, Skipped
from squeezesam.errors import DataError

PART_INSIDE = 0.5
"""A part belongs to the whole that holds the most of it, if it holds this share."""


@dataclass(frozen=True)
class Target:
    """One object to find.

    Attributes:
        index: place among the photo's annotations.
        mask: [H, W], not empty, and empty where the photo ignores its pixels.
        parts: [H, W] each, what of the parts lies inside `mask`.
        counted: [H, W], the pixels that an answer is judged by; None for all.
    """

    index: int
    mask: Mask
    parts: tuple[Mask, ...] = ()
    counted: Mask | None = None

    def judged(self, answer: Mask) -> Mask:
        """What of an answer [H, W] counts."""
        return answer if self.counted is None else answer & self.counted


def find_targets(image: AnnotatedImage) -> tuple[list[Target], list[Skipped]]:
    """The objects of a photo, and the annotations that had to be left out.

    Every annotation that is no `part` is an object; parts without a whole are ignored.

    Raises:
        DataError: what the photo ignores is damaged.
    """
    counted = None if image.ignore is None else image.ignore.coverage() <= HALF
    wholes: dict[int, Mask] = {}
    parts: list[Mask] = []
    skipped = []
    for index, annotation in enumerate(image.annotations):
        try:
            mask = checked_mask(image, annotation, counted)
        except DataError as error:
            skipped.append(Skipped(f"{image.name} annotation {index}", str(error)))
            continue
        if annotation.kind == "part":
            parts.append(mask)
        else:
            wholes[index] = mask
    parts_of: dict[int, list[Mask]] = {index: [] for index in wholes}
    for part in parts:
        inside = {index: np.count_nonzero(part & whole) for index, whole in wholes.items()}
        owner = max(inside, key=lambda index: inside[index], default=None)
        if owner is not None and inside[owner] >= PART_INSIDE * np.count_nonzero(part):
            parts_of[owner].append(part & wholes[owner])
    targets = [
        Target(index, mask, tuple(parts_of[index]), counted) for index, mask in wholes.items()
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
