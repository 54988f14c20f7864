"""What a protocol is, and the first of them, in which a simulated user clicks.

Each click goes to the point of the error, missed or wrong, that is farthest from the error's
border, and never to a pixel that was clicked before. This is the rule behind the published NoC
figures: the evaluation code that came with f-BRS (arXiv 2001.10331) and RITM (arXiv 2102.06583).
SAM (arXiv 2304.02643, section 7.1) clicks in the same way. Deterministic.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import ConfigError
from squeezesam.evaluation.measures import Mask, clicks_to_reach, deepest_point, largest_loss
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.statistics import Terms, correlation, ratio
from squeezesam.evaluation.targets import WantedObject
from squeezesam.inference.predictor import Predictor
from squeezesam.inference.prompts import Prompts
from squeezesam.spec import PointLabel


class SimulatedClick(NamedTuple):
    """Pixel (x, y) of the photo and its label."""

    x: int
    y: int
    label: PointLabel


def next_click(
    target: Mask, answer: Mask, earlier: Sequence[SimulatedClick] = (), *, background: bool = True
) -> SimulatedClick | None:
    """The click that corrects `answer`, or None when nothing is left to correct.

    Args:
        target: [H, W].
        answer: [H, W], all False for the first click.
        earlier: clicks that were given already.
        background: whether what is wrong may be clicked, with a negative click.
    """
    taken = np.zeros_like(target)
    for click in earlier:
        taken[click.y, click.x] = True
    missed = deepest_point(target & ~answer, taken)
    wrong = deepest_point(answer & ~target, taken) if background else None
    if missed is not None and (wrong is None or missed.depth > wrong.depth):
        return SimulatedClick(missed.x, missed.y, PointLabel.POSITIVE)
    if wrong is not None:
        return SimulatedClick(wrong.x, wrong.y, PointLabel.NEGATIVE)
    return None


PERCENT = 100


@dataclass(frozen=True)
class Attempt:
    """A prompt and the answer to it.

    Attributes:
        prompts: the prompts, in photo pixels.
        mask: [H, W].
        predicted_iou: what the predictor says of it; NaN where it says nothing.
        low_res_masks: the predictor's own form of the answer, for a next attempt.
    """

    prompts: Prompts
    mask: Mask
    predicted_iou: float = math.nan
    low_res_masks: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class ProtocolFigure:
    """A figure of a table: the mean over objects of a value that each object has.

    Attributes:
        title: title of the column.
        value: gives the value of one object.
        digits: after the point.
    """

    title: str
    value: Callable[[ObjectResult], float]
    digits: int = 1

    def terms(self, result: ObjectResult) -> Sequence[float]:
        """What an object adds to the sums that `figure` takes."""
        return self.value(result), 1.0

    def figure(self, sums: Terms) -> NDArray[np.float64]:
        """From sums over objects, [..., K], to the figure, [...]."""
        return ratio(sums)


@dataclass(frozen=True)
class Correlation:
    """A figure of a table: how two values of each attempt go together, over all objects.

    Attributes:
        title: title of the column.
        pairs: both values, for each attempt at one object.
        digits: after the point.
    """

    title: str
    pairs: Callable[[ObjectResult], Sequence[tuple[float, float]]]
    digits: int = 2

    def terms(self, result: ObjectResult) -> Sequence[float]:
        """What an object adds to the sums that `figure` takes."""
        x, y = np.array(self.pairs(result), np.float64).T
        return len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y

    def figure(self, sums: Terms) -> NDArray[np.float64]:
        """From sums over objects, [..., K], to the figure, [...]."""
        return correlation(sums)


Column = ProtocolFigure | Correlation


class EvaluationProtocol(Protocol):
    """A frozen dataclass whose fields are the protocol's options."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def definition(self) -> str:
        """What is done, in a sentence or two, for the reader of a table."""

    @property
    def measures(self) -> tuple[Column, ...]:
        """The columns of its table."""

    def chosen(self, targets: Sequence[WantedObject]) -> Sequence[WantedObject]:
        """Those of a photo's objects that are to be tried."""

    def attempts(self, predictor: Predictor, target: WantedObject) -> Iterator[Attempt]:
        """Try one object of the photo that is set; at least one attempt."""

    def is_complete(self, result: ObjectResult) -> bool:
        """Whether a result has the numbers that the measures are made of."""

    def pictured(self, ious: Sequence[float]) -> int:
        """The attempt to draw on the contact sheet, and to rank objects by, given all IoUs."""


def attempt(
    predictor: Predictor, target: WantedObject, prompts: Prompts, previous: Attempt | None = None
) -> Attempt:
    """Ask for the one whole object that the prompts mean, and keep what of the answer counts."""
    masks, ious, low_res_masks = predictor.predict(
        point_coords=prompts.coords if len(prompts.coords) else None,
        point_labels=prompts.labels if len(prompts.coords) else None,
        box=prompts.box,
        mask_input=None if previous is None else previous.low_res_masks,
        multimask_output=False,
    )
    return Attempt(prompts, target.judged(masks[0]), float(ious[0]), low_res_masks)


def click_prompts(clicks: Sequence[SimulatedClick]) -> Prompts:
    """Clicks as prompts, oldest first."""
    coords = np.array([(click.x, click.y) for click in clicks], np.float32).reshape(-1, 2)
    return Prompts(coords, np.array([click.label for click in clicks], np.int64), box=None)


SHOWN_COUNTS = (1, 2, 3, 5, 10, 20)
"""Numbers of clicks that have a column."""

NOC_THRESHOLDS = (0.85, 0.90)

HARM_THRESHOLDS = (0.01, 0.05)
"""Losses of IoU by one click above which it did harm."""

NEGATIVE = (PointLabel.NEGATIVE,)
ALL_LABELS = (PointLabel.NEGATIVE, PointLabel.POSITIVE)


@dataclass(frozen=True)
class ClickProtocol:
    """IoU after 1, 2, ... clicks, and clicks to reach an IoU (RITM, arXiv 2102.06583).

    Attributes:
        clicks: on each object; the literature's NoC uses 20.
    """

    clicks: int = 5

    def __post_init__(self) -> None:
        if self.clicks < 1:
            raise ConfigError(f"clicks={self.clicks} must be at least 1")

    @property
    def definition(self) -> str:
        """What is done."""
        return (
            "Each click goes to the point of the error, missed or wrong, that is farthest from "
            "the error's border, or of the missed part alone where a network takes no negative "
            "clicks; from the second on, the previous mask is given too. IoU and "
            "boundary IoU after k clicks in percent. NoC: clicks to reach an IoU; objects that "
            f"never do count as {self.clicks}, and their share is NoF. Harm: percent of objects "
            "that lose more than 1 or 5 points of IoU by one of the clicks after the first, and by "
            "one that is negative."
        )

    @property
    def measures(self) -> tuple[ProtocolFigure, ...]:
        """IoU@k, NoC, NoF, boundary IoU at the first and last click, and harm."""
        counts = [count for count in SHOWN_COUNTS if count < self.clicks] + [self.clicks]
        thresholds = [(f"@{threshold:.0%}".rstrip("%"), threshold) for threshold in NOC_THRESHOLDS]
        return (
            *(_iou_after(count) for count in counts),
            *(_clicks_to(name, threshold) for name, threshold in thresholds),
            *(_failed(name, threshold) for name, threshold in thresholds),
            *(_boundary_iou_after(count) for count in sorted({1, self.clicks})),
            *(_harm("harm", loss, ALL_LABELS) for loss in HARM_THRESHOLDS),
            *(_harm("harm by negative", loss, NEGATIVE) for loss in HARM_THRESHOLDS),
        )

    def chosen(self, targets: Sequence[WantedObject]) -> Sequence[WantedObject]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: WantedObject) -> Iterator[Attempt]:
        """As many as clicks; repeats the last once nothing is left to correct."""
        given: list[SimulatedClick] = []
        background = PointLabel.NEGATIVE in getattr(predictor, "labels", ALL_LABELS)
        latest = Attempt(click_prompts(given), np.zeros_like(target.mask))
        for _ in range(self.clicks):
            click = next_click(target.mask, latest.mask, given, background=background)
            if click is not None:
                given.append(click)
                latest = attempt(predictor, target, click_prompts(given), latest)
            yield latest

    def is_complete(self, result: ObjectResult) -> bool:
        """At least one attempt for each click."""
        return len(result.ious) >= self.clicks

    def pictured(self, ious: Sequence[float]) -> int:  # noqa: ARG002
        """The first click."""
        return 0


def _iou_after(count: int) -> ProtocolFigure:
    return ProtocolFigure(f"IoU@{count}", lambda result: PERCENT * result.ious[count - 1])


def _boundary_iou_after(count: int) -> ProtocolFigure:
    return ProtocolFigure(f"BIoU@{count}", lambda result: PERCENT * result.boundary_ious[count - 1])


def _clicks_to(name: str, threshold: float) -> ProtocolFigure:
    return ProtocolFigure(
        f"NoC{name}", lambda result: clicks_to_reach(result.ious, threshold), digits=2
    )


def _failed(name: str, threshold: float) -> ProtocolFigure:
    return ProtocolFigure(f"NoF{name} %", lambda result: PERCENT * (max(result.ious) < threshold))


def _harm(name: str, loss: float, among: Collection[int]) -> ProtocolFigure:
    def harmed(result: ObjectResult) -> float:
        return PERCENT * (largest_loss(result.ious, result.labels, among) > loss)

    return ProtocolFigure(f"{name} > {PERCENT * loss:.0f}, %", harmed)
