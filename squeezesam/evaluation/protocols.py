"""The table of protocols, and those that are a few lines each.

Mask 0 is what a user of `multimask_output=False` sees. An app may instead show the mask of the
highest predicted IoU; the best of the four, which only an oracle knows, is what that could give.

A click on a T-shirt means the person (SqueezeSAM, arXiv 2312.06736). Interactive segmentation asks
for the centre of an object only, so the definition is this project's own:

- Where the data set has masks of the object's parts, one click for each: the deepest point of the
  part, as far as it lies inside the whole.
- Elsewhere the object is cut across its long axis (the first principal axis of its pixels) into
  bands of equal area, head to foot on a standing person, and the click is the deepest point of each
  band's largest 8-connected region.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from squeezesam.errors import ConfigError
from squeezesam.evaluation.measures import Mask, deepest_point, largest_region
from squeezesam.evaluation.protocol import (
    PERCENT,
    Attempt,
    ClickProtocol,
    Column,
    Correlation,
    EvaluationProtocol,
    ProtocolFigure,
    SimulatedClick,
    attempt,
    click_prompts,
    next_click,
)
from squeezesam.evaluation.random_clicks import RandomClicks
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.salient_protocol import SalientProtocol
from squeezesam.evaluation.targets import WantedObject
from squeezesam.inference.mask_cleanup import bounding_window
from squeezesam.inference.predictor import Predictor
from squeezesam.inference.prompts import Prompts
from squeezesam.spec import PointLabel


@dataclass(frozen=True)
class BoxProtocol:
    """IoU from the box of the ground truth, as SAM's box prompts are commonly evaluated."""

    @property
    def definition(self) -> str:
        """What is done."""
        return (
            "The prompt is the tight bounding box of the object; IoU and boundary IoU in percent."
        )

    @property
    def measures(self) -> tuple[ProtocolFigure, ...]:
        """IoU and boundary IoU."""
        return (
            ProtocolFigure("box IoU", lambda result: PERCENT * result.ious[0]),
            ProtocolFigure("box BIoU", lambda result: PERCENT * result.boundary_ious[0]),
        )

    def chosen(self, targets: Sequence[WantedObject]) -> Sequence[WantedObject]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: WantedObject) -> Iterator[Attempt]:
        """The one box."""
        window = bounding_window(target.mask)
        assert window is not None, "a target is not empty"
        rows, columns = window
        box = np.array([columns.start, rows.start, columns.stop, rows.stop], np.float32)
        no_clicks = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
        yield attempt(predictor, target, Prompts(*no_clicks, box))

    def is_complete(self, result: ObjectResult) -> bool:
        """One attempt."""
        return len(result.ious) == 1

    def pictured(self, ious: Sequence[float]) -> int:  # noqa: ARG002
        """The box."""
        return 0


@dataclass(frozen=True)
class ChoiceProtocol:
    """IoU of each mask that one click gives, beside what the network predicts of it."""

    @property
    def definition(self) -> str:
        """What is done."""
        return (
            "One click at the object's deepest point gives mask 0, the whole object, and three "
            "alternatives. IoU in percent of mask 0, of the mask with the highest predicted IoU, "
            "and of the best mask, which only an oracle knows. The error of the predicted IoU "
            "(mean absolute difference, in points) and its correlation with the IoU that was "
            "achieved are over all masks of all objects."
        )

    @property
    def measures(self) -> tuple[Column, ...]:
        """IoU by way of choosing, and how far predicted IoUs can be trusted."""
        return (
            ProtocolFigure("mask 0", lambda result: PERCENT * result.ious[0]),
            ProtocolFigure(
                "highest predicted", lambda result: PERCENT * _of_highest_predicted(result)
            ),
            ProtocolFigure("best mask (oracle)", lambda result: PERCENT * max(result.ious)),
            ProtocolFigure(
                "predicted IoU off by", lambda result: PERCENT * _prediction_error(result)
            ),
            Correlation(
                "correlation",
                lambda result: list(zip(result.predicted_ious, result.ious, strict=True)),
            ),
        )

    def chosen(self, targets: Sequence[WantedObject]) -> Sequence[WantedObject]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: WantedObject) -> Iterator[Attempt]:
        """Mask 0, then the alternatives.

        Raises:
            ConfigError: the predictor does not predict how good its masks are.
        """
        click = next_click(target.mask, np.zeros_like(target.mask))
        assert click is not None, "a target is not empty"
        prompts = click_prompts([click])
        whole = attempt(predictor, target, prompts)
        masks, ious, _ = predictor.predict(prompts.coords, prompts.labels, multimask_output=True)
        if not np.isfinite([whole.predicted_iou, *ious]).all():
            raise ConfigError("protocol choice needs predicted IoUs; leave --baseline out")
        yield whole
        for mask, iou in zip(masks, ious, strict=True):
            yield Attempt(prompts, target.judged(mask), float(iou))

    def is_complete(self, result: ObjectResult) -> bool:
        """A predicted IoU for each mask."""
        return len(result.predicted_ious) == len(result.ious)

    def pictured(self, ious: Sequence[float]) -> int:  # noqa: ARG002
        """Mask 0."""
        return 0


def _of_highest_predicted(result: ObjectResult) -> float:
    return result.ious[int(np.argmax(result.predicted_ious))]


def _prediction_error(result: ObjectResult) -> float:
    return float(np.mean(np.abs(np.subtract(result.predicted_ious, result.ious))))


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
    def measures(self) -> tuple[ProtocolFigure, ...]:
        """Mean over parts, worst part, boundary IoU as mean over parts."""
        return (
            ProtocolFigure("IoU@1", lambda result: PERCENT * float(np.mean(result.ious))),
            ProtocolFigure("worst part", lambda result: PERCENT * min(result.ious)),
            ProtocolFigure("BIoU@1", lambda result: PERCENT * float(np.mean(result.boundary_ious))),
        )

    def chosen(self, targets: Sequence[WantedObject]) -> Sequence[WantedObject]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: WantedObject) -> Iterator[Attempt]:
        """One for each part."""
        for click in part_clicks(target.parts) or band_clicks(target.mask, self.bands):
            yield attempt(predictor, target, click_prompts([click]))

    def is_complete(self, result: ObjectResult) -> bool:
        """An attempt for each part, however many those are."""
        return bool(result.ious)

    def pictured(self, ious: Sequence[float]) -> int:
        """The worst part."""
        return int(np.argmin(ious))


def part_clicks(parts: Sequence[Mask]) -> list[SimulatedClick]:
    """A click on the deepest point of each mask [H, W]; none for an empty one."""
    points = [deepest_point(part) for part in parts]
    return [
        SimulatedClick(point.x, point.y, PointLabel.POSITIVE)
        for point in points
        if point is not None
    ]


def band_clicks(mask: Mask, bands: int) -> list[SimulatedClick]:
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


PROTOCOLS: dict[str, Callable[..., EvaluationProtocol]] = {
    "clicks": ClickProtocol,
    "parts": PartProtocol,
    "box": BoxProtocol,
    "choice": ChoiceProtocol,
    "random": RandomClicks,
    "salient": SalientProtocol,
}
