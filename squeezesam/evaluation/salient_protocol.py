"""Protocol `salient`: the automatic mask of the most prominent object, then corrections."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from squeezesam.errors import ConfigError, NoSalientObjectError
from squeezesam.evaluation.protocol import (
    PERCENT,
    Attempt,
    ProtocolFigure,
    SimulatedClick,
    click_prompts,
    next_click,
)
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.targets import WantedObject
from squeezesam.inference.predictor import Predictor
from squeezesam.inference.prompts import Prompts
from squeezesam.inference.saliency_predictor import SaliencyPredictor


@dataclass(frozen=True)
class SalientProtocol:
    """IoU without any click, and after corrections of the automatic mask.

    Attributes:
        corrections: clicks of a simulated user after the automatic mask.
    """

    corrections: int = 2

    def __post_init__(self) -> None:
        if self.corrections < 0:
            raise ConfigError(f"corrections={self.corrections} must not be negative")

    @property
    def definition(self) -> str:
        """What is done."""
        return (
            "No click is given: the detector's clicks are. The mask is held against the largest "
            "object of the photo; where nothing was found it is empty. IoU and boundary IoU in "
            "percent. Then clicks of a simulated user correct the mask, each at the point of the "
            "error that is farthest from its border."
        )

    @property
    def measures(self) -> tuple[ProtocolFigure, ...]:
        """IoU of the automatic mask and after corrections, its boundary IoU, and failures."""
        return (
            *(_iou_after(count) for count in range(self.corrections + 1)),
            ProtocolFigure("BIoU", lambda result: PERCENT * result.boundary_ious[0]),
            ProtocolFigure("IoU < 50, %", lambda result: PERCENT * (result.ious[0] < 0.5)),
        )

    def chosen(self, targets: Sequence[WantedObject]) -> Sequence[WantedObject]:
        """The largest."""
        return sorted(targets, key=lambda target: -np.count_nonzero(target.mask))[:1]

    def attempts(self, predictor: Predictor, target: WantedObject) -> Iterator[Attempt]:
        """The automatic mask, then one for each correction.

        Raises:
            ConfigError: the predictor has no detector.
        """
        if not isinstance(predictor, SaliencyPredictor):
            raise ConfigError("protocol salient needs the detector; leave --baseline out")
        coords, labels = predictor.finding.coords, predictor.finding.labels
        latest = Attempt(Prompts(coords, labels, None), np.zeros_like(target.mask))
        try:
            masks, ious, low_res_masks = predictor.predict(multimask_output=False)
            latest = Attempt(latest.prompts, target.judged(masks[0]), float(ious[0]), low_res_masks)
        except NoSalientObjectError:
            pass
        yield latest
        given: list[SimulatedClick] = []
        for _ in range(self.corrections):
            click = next_click(target.mask, latest.mask, given)
            if click is not None:
                given.append(click)
                prompts = click_prompts(given)
                masks, ious, low_res_masks = predictor.edit(
                    prompts.coords, prompts.labels, latest.low_res_masks
                )
                shown = Prompts(
                    np.concatenate([coords, prompts.coords]),
                    np.concatenate([labels, prompts.labels]),
                    None,
                )
                latest = Attempt(shown, target.judged(masks[0]), float(ious[0]), low_res_masks)
            yield latest

    def is_complete(self, result: ObjectResult) -> bool:
        """The automatic mask and at least one attempt for each correction."""
        return len(result.ious) >= self.corrections + 1

    def pictured(self, ious: Sequence[float]) -> int:  # noqa: ARG002
        """The automatic mask."""
        return 0


def _iou_after(count: int) -> ProtocolFigure:
    title = "IoU, no click" if count == 0 else f"after {count}"

    def value(result: ObjectResult) -> float:
        return PERCENT * result.ious[count]

    return ProtocolFigure(title, value)
