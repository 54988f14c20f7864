"""The photos that come with the package, each with clicks that show what the network is for."""

from dataclasses import dataclass
from pathlib import Path

from squeezesam.networks.weights import ZOO

PHOTOS = ZOO / "photos"


@dataclass(frozen=True)
class Example:
    """A shipped photo.

    Attributes:
        path: path of the JPEG.
        garment: pixel (x, y) of a click on the upper garment, which means the whole person.
        legs: pixel (x, y) further down on the same person.
        background: pixel (x, y) beside the person.
    """

    path: Path
    garment: tuple[int, int]
    legs: tuple[int, int]
    background: tuple[int, int]


EXAMPLES = (
    Example(PHOTOS / "street_1.jpg", (155, 200), (165, 330), (280, 300)),
    Example(PHOTOS / "street_2.jpg", (165, 170), (165, 350), (60, 300)),
    Example(PHOTOS / "street_3.jpg", (125, 200), (140, 345), (290, 225)),
)
