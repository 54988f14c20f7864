"""Protocol `choice`: the four masks of the first click, and whether predicted IoUs tell them apart.

Mask 0 is what a user of `multimask_output=False` sees. An app may instead show the mask of the
highest predicted IoU; the best of the four, which only an oracle knows, is what that could give.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from squeezesam.errors import ConfigError
from squeezesam.evaluation.clicks import next_click
from squeezesam.evaluation.protocol import (
    PERCENT,
    Attempt,
    Column,
    Correlation,
    Measure,
    attempt,
    click_prompts,
)
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.targets import Target
from squeezesam.predictor import Predictor


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
            Measure("mask 0", lambda result: PERCENT * result.ious[0]),
            Measure("highest predicted", lambda result: PERCENT * _of_highest_predicted(result)),
            Measure("best mask (oracle)", lambda result: PERCENT * max(result.ious)),
            Measure("predicted IoU off by", lambda result: PERCENT * _prediction_error(result)),
            Correlation(
                "correlation",
                lambda result: list(zip(result.predicted_ious, result.ious, strict=True)),
            ),
        )

    def chosen(self, targets: Sequence[Target]) -> Sequence[Target]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: Target) -> Iterator[Attempt]:
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
