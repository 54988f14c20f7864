"""Protocol `clicks`: a simulated user corrects the answer click by click."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from squeezesam.errors import ConfigError
from squeezesam.evaluation.clicks import Click, next_click
from squeezesam.evaluation.measures import clicks_to_reach, largest_loss
from squeezesam.evaluation.protocol import PERCENT, Attempt, Measure, attempt, click_prompts
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.targets import Target
from squeezesam.predictor import Predictor
from squeezesam.spec import PointLabel

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
            "the error's border; from the second on, the previous mask is given too. IoU and "
            "boundary IoU after k clicks in percent. NoC: clicks to reach an IoU; objects that "
            f"never do count as {self.clicks}, and their share is NoF. Harm: percent of objects "
            "that lose more than 1 or 5 points of IoU by one of the clicks after the first, and by "
            "one that is negative."
        )

    @property
    def measures(self) -> tuple[Measure, ...]:
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

    def chosen(self, targets: Sequence[Target]) -> Sequence[Target]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: Target) -> Iterator[Attempt]:
        """As many as clicks; repeats the last once nothing is left to correct."""
        given: list[Click] = []
        latest = Attempt(click_prompts(given), np.zeros_like(target.mask))
        for _ in range(self.clicks):
            click = next_click(target.mask, latest.mask, given)
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


def _iou_after(count: int) -> Measure:
    return Measure(f"IoU@{count}", lambda result: PERCENT * result.ious[count - 1])


def _boundary_iou_after(count: int) -> Measure:
    return Measure(f"BIoU@{count}", lambda result: PERCENT * result.boundary_ious[count - 1])


def _clicks_to(name: str, threshold: float) -> Measure:
    return Measure(f"NoC{name}", lambda result: clicks_to_reach(result.ious, threshold), digits=2)


def _failed(name: str, threshold: float) -> Measure:
    return Measure(f"NoF{name} %", lambda result: PERCENT * (max(result.ious) < threshold))


def _harm(name: str, loss: float, among: Collection[int]) -> Measure:
    def harmed(result: ObjectResult) -> float:
        return PERCENT * (largest_loss(result.ious, result.labels, among) > loss)

    return Measure(f"{name} > {PERCENT * loss:.0f}, %", harmed)
