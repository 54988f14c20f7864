"""What a protocol is: the prompts that an object is tried with, and what is made of the IoUs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from squeezesam.evaluation.clicks import Click
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.regions import Mask
from squeezesam.evaluation.targets import Target
from squeezesam.predictor import Predictor
from squeezesam.prompts import Prompts

PERCENT = 100


@dataclass(frozen=True)
class Attempt:
    """A prompt and the answer to it.

    Attributes:
        prompts: in photo pixels.
        mask: [H, W].
        low_res_masks: the predictor's own form of the answer, for a next attempt.
    """

    prompts: Prompts
    mask: Mask
    low_res_masks: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Measure:
    """A figure of a table: the mean over objects of a value that each object has.

    Attributes:
        title: of the column.
        value: of one object.
        digits: after the point.
    """

    title: str
    value: Callable[[ObjectResult], float]
    digits: int = 1


class EvaluationProtocol(Protocol):
    """A frozen dataclass whose fields are the protocol's options."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def definition(self) -> str:
        """What is done, in a sentence or two, for the reader of a table."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The columns of its table."""

    def chosen(self, targets: Sequence[Target]) -> Sequence[Target]:
        """Those of a photo's objects that are to be tried."""

    def attempts(self, predictor: Predictor, target: Target) -> Iterator[Attempt]:
        """Try one object of the photo that is set; at least one attempt."""

    def pictured(self, ious: Sequence[float]) -> int:
        """The attempt to draw on the contact sheet, and to rank objects by, given all IoUs."""


def attempt(
    predictor: Predictor, target: Target, prompts: Prompts, previous: Attempt | None = None
) -> Attempt:
    """Ask for the one whole object that the prompts mean, and keep what of the answer counts."""
    masks, _, low_res_masks = predictor.predict(
        point_coords=prompts.coords if len(prompts.coords) else None,
        point_labels=prompts.labels if len(prompts.coords) else None,
        box=prompts.box,
        mask_input=None if previous is None else previous.low_res_masks,
        multimask_output=False,
    )
    return Attempt(prompts, target.judged(masks[0]), low_res_masks)


def click_prompts(clicks: Sequence[Click]) -> Prompts:
    """Clicks as prompts, oldest first."""
    coords = np.array([(click.x, click.y) for click in clicks], np.float32).reshape(-1, 2)
    return Prompts(coords, np.array([click.label for click in clicks], np.int64), box=None)
