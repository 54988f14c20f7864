"""Protocol `random`: clicks anywhere inside the object, and the mask that the network trusts most.

The papers of EfficientSAM (arXiv 2312.00863) and of its successors give such figures, so this is
the protocol to hold against them. It is harder than a click in the middle of the object.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from squeezesam.errors import ConfigError
from squeezesam.evaluation.protocol import (
    PERCENT,
    Attempt,
    ProtocolFigure,
    SimulatedClick,
    click_prompts,
)
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.targets import WantedObject
from squeezesam.inference.predictor import Predictor
from squeezesam.spec import PointLabel


@dataclass(frozen=True)
class RandomClicks:
    """IoU after one click and after several, all of them drawn inside the object.

    Attributes:
        clicks: how many the last attempt gives.
    """

    clicks: int = 3

    def __post_init__(self) -> None:
        if self.clicks < 1:
            raise ConfigError(f"clicks={self.clicks} must be at least 1")

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of clicks of the attempts."""
        return tuple(sorted({1, self.clicks}))

    @property
    def definition(self) -> str:
        """What is done."""
        return (
            "Clicks are drawn uniformly from the pixels of the object, the same ones for every "
            "model, and are given at once, without an earlier mask. Of the alternative masks that "
            "the model gives, the one with the highest predicted IoU counts. IoU in percent."
        )

    @property
    def measures(self) -> tuple[ProtocolFigure, ...]:
        """IoU after each number of clicks."""
        return tuple(_iou_of(count, place) for place, count in enumerate(self.counts))

    def chosen(self, targets: Sequence[WantedObject]) -> Sequence[WantedObject]:
        """All of them."""
        return targets

    def attempts(self, predictor: Predictor, target: WantedObject) -> Iterator[Attempt]:
        """One for each number of clicks; fewer clicks where the object has fewer pixels."""
        clicks = drawn_clicks(target, self.clicks)
        for count in self.counts:
            prompts = click_prompts(clicks[:count])
            masks, ious, low_res_masks = predictor.predict(prompts.coords, prompts.labels)
            best = int(np.argmax(ious))
            mask = target.judged(masks[best])
            yield Attempt(prompts, mask, float(ious[best]), low_res_masks[best : best + 1])

    def is_complete(self, result: ObjectResult) -> bool:
        """One attempt for each number of clicks."""
        return len(result.ious) == len(self.counts)

    def pictured(self, ious: Sequence[float]) -> int:  # noqa: ARG002
        """The first click."""
        return 0


def drawn_clicks(target: WantedObject, count: int) -> list[SimulatedClick]:
    """Pixels of an object in an order that depends on its mask alone, at most `count` of them."""
    mask = target.mask
    pixels = np.flatnonzero(mask)
    rng = np.random.default_rng(zlib.crc32(target.whole.bits.tobytes()))
    rows, columns = np.unravel_index(rng.permutation(pixels)[:count], mask.shape)
    return [
        SimulatedClick(int(x), int(y), PointLabel.POSITIVE)
        for x, y in zip(columns, rows, strict=True)
    ]


def _iou_of(count: int, place: int) -> ProtocolFigure:
    return ProtocolFigure(f"IoU@{count}", lambda result: PERCENT * result.ious[place])
