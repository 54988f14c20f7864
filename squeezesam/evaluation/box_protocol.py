"""Protocol `box`: the tight bounding box of the object, and no click."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from squeezesam.blobs import bounding_window
from squeezesam.evaluation.protocol import PERCENT, Attempt, Measure, attempt
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.targets import Target
from squeezesam.predictor import Predictor
from squeezesam.prompts import Prompts


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
    def measures(self) -> tuple[Measure, ...]:
        """IoU and boundary IoU."""
        return (
            Measure("box IoU", lambda result: PERCENT * result.ious[0]),
            Measure("box BIoU", lambda result: PERCENT * result.boundary_ious[0]),
        )

    def chosen(self, targets: Sequence[Target]) -> Sequence[Target]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: Target) -> Iterator[Attempt]:
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
