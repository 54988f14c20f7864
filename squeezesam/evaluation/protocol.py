"""What a protocol is: the prompts that an object is tried with, and what is made of the IoUs."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from squeezesam.evaluation.clicks import Click
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.regions import Mask
from squeezesam.evaluation.statistics import Terms, correlation, ratio
from squeezesam.evaluation.targets import Target
from squeezesam.predictor import Predictor
from squeezesam.prompts import Prompts

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
class Measure:
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


Column = Measure | Correlation


class EvaluationProtocol(Protocol):
    """A frozen dataclass whose fields are the protocol's options."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def definition(self) -> str:
        """What is done, in a sentence or two, for the reader of a table."""

    @property
    def measures(self) -> tuple[Column, ...]:
        """The columns of its table."""

    def chosen(self, targets: Sequence[Target]) -> Sequence[Target]:
        """Those of a photo's objects that are to be tried."""

    def attempts(self, predictor: Predictor, target: Target) -> Iterator[Attempt]:
        """Try one object of the photo that is set; at least one attempt."""

    def is_complete(self, result: ObjectResult) -> bool:
        """Whether a result has the numbers that the measures are made of."""

    def pictured(self, ious: Sequence[float]) -> int:
        """The attempt to draw on the contact sheet, and to rank objects by, given all IoUs."""


def attempt(
    predictor: Predictor, target: Target, prompts: Prompts, previous: Attempt | None = None
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


def click_prompts(clicks: Sequence[Click]) -> Prompts:
    """Clicks as prompts, oldest first."""
    coords = np.array([(click.x, click.y) for click in clicks], np.float32).reshape(-1, 2)
    return Prompts(coords, np.array([click.label for click in clicks], np.int64), box=None)
