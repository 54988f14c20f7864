"""Which of a photo's annotated objects are the prominent ones."""

from dataclasses import dataclass

import numpy as np

from squeezesam.data.records import HALF, AnnotatedImage, Coverage
from squeezesam.errors import DataError


@dataclass(frozen=True)
class Prominence:
    """What counts as prominent.

    Attributes:
        smallest: share of the photo that the largest object must cover.
        similar: objects of this share of the largest one's area are prominent too.
    """

    smallest: float = 0.0
    similar: float = 1 / 3


def prominent(image: AnnotatedImage, prominence: Prominence) -> Coverage | None:
    """Coverage of the most prominent whole objects together, [H, W]; None if there are none.

    Raises:
        DataError: a mask is damaged, or not of the photo's size.
    """
    wholes = [annotation for annotation in image.annotations if annotation.kind == "whole"]
    largest = max((annotation.area for annotation in wholes), default=0)
    if largest < prominence.smallest * image.width * image.height:
        return None
    together = np.zeros((image.height, image.width), np.uint8)
    for annotation in wholes:
        if annotation.area < prominence.similar * largest:
            continue
        coverage = annotation.code.coverage()
        if coverage.shape != together.shape:
            height, width = coverage.shape
            raise DataError(
                f"a mask of {image.name} is {width}x{height}, the photo is "
                f"{image.width}x{image.height}; restore it or leave it out"
            )
        np.maximum(together, coverage, out=together)
    return together if (together > HALF).any() else None
