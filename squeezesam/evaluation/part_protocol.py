"""Protocol `parts`: one click on a part, and the whole object is wanted.

A click on a T-shirt means the person (SqueezeSAM, arXiv 2312.06736). Interactive segmentation asks
for the centre of an object only, so the definition is this project's own:

- Where the data set has masks of the object's parts, one click for each: the deepest point of the
  part, as far as it lies inside the whole.
- Elsewhere the object is cut across its long axis (the first principal axis of its pixels) into
  bands of equal area, head to foot on a standing person, and the click is the deepest point of each
  band's largest 8-connected region.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from squeezesam.evaluation.clicks import Click
from squeezesam.evaluation.protocol import PERCENT, Attempt, Measure, attempt, click_prompts
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.regions import Mask, deepest_point, largest_region
from squeezesam.evaluation.targets import Target
from squeezesam.predictor import Predictor
from squeezesam.spec import PointLabel


@dataclass(frozen=True)
class PartProtocol:
    """IoU with the whole object after one click on each of its parts.

    Attributes:
        bands: number of bands into which an object without annotated parts is cut.
    """

    bands: int = 6

    @property
    def definition(self) -> str:
        """What is done."""
        return (
            "One click on a part; IoU with the whole object in percent. The click is the deepest "
            "point of each annotated part inside the whole; of an object without annotated "
            f"parts, the deepest point of the largest region of each of {self.bands} bands of "
            "equal area across its long axis. An object's IoU is the mean over its parts, "
            "`worst part` the lowest of them."
        )

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Mean over parts, worst part, boundary IoU as mean over parts."""
        return (
            Measure("IoU@1", lambda result: PERCENT * float(np.mean(result.ious))),
            Measure("worst part", lambda result: PERCENT * min(result.ious)),
            Measure("BIoU@1", lambda result: PERCENT * float(np.mean(result.boundary_ious))),
        )

    def chosen(self, targets: Sequence[Target]) -> Sequence[Target]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: Target) -> Iterator[Attempt]:
        """One for each part."""
        for click in part_clicks(target.parts) or band_clicks(target.mask, self.bands):
            yield attempt(predictor, target, click_prompts([click]))

    def is_complete(self, result: ObjectResult) -> bool:
        """An attempt for each part, however many those are."""
        return bool(result.ious)

    def pictured(self, ious: Sequence[float]) -> int:
        """The worst part."""
        return int(np.argmin(ious))


def part_clicks(parts: Sequence[Mask]) -> list[Click]:
    """A click on the deepest point of each mask [H, W]; none for an empty one."""
    points = [deepest_point(part) for part in parts]
    return [Click(point.x, point.y, PointLabel.POSITIVE) for point in points if point is not None]


def band_clicks(mask: Mask, bands: int) -> list[Click]:
    """A click on the largest region of each band of a mask [H, W]; see the module's definition."""
    return part_clicks([largest_region(band) for band in cut_into_bands(mask, bands)])


def cut_into_bands(mask: Mask, bands: int) -> list[Mask]:
    """Disjoint masks [H, W] of equal area (give or take a pixel) along the long axis of `mask`."""
    pixels = np.argwhere(mask)
    centred = pixels - pixels.mean(axis=0)
    # eigh sorts by eigenvalue: the last axis is the one along which the pixels spread most.
    long_axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    order = np.argsort(centred @ long_axis, kind="stable")
    cuts = []
    for ranks in np.array_split(order, bands):
        band = np.zeros_like(mask)
        band[tuple(pixels[ranks].T)] = True
        cuts.append(band)
    return cuts
