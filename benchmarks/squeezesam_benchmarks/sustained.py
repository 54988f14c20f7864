"""What minutes of inference without a pause tell: how much slower the last ones are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WINDOW_S = 30.0
MS_PER_S = 1e3


@dataclass(frozen=True)
class Sustained:
    """Both ends of one process in sustained mode.

    Attributes:
        duration_s: of all inferences together.
        window_s: of each end: 30, or half of a shorter run.
        first_ms: median inference of the first window.
        last_ms: median inference of the last window.
    """

    duration_s: float
    window_s: float
    first_ms: float
    last_ms: float

    @property
    def slowdown(self) -> float:
        """Last over first: above 1 where the device got slower."""
        return self.last_ms / self.first_ms


def sustained_of(samples_ms: Sequence[float]) -> Sustained | None:
    """Compare both ends; None without two samples. An inference belongs to where it began."""
    if len(samples_ms) < 2:
        return None
    samples = np.asarray(samples_ms)
    began_s = (np.cumsum(samples) - samples) / MS_PER_S
    duration_s = float(samples.sum()) / MS_PER_S
    window_s = min(WINDOW_S, duration_s / 2)
    return Sustained(
        duration_s=duration_s,
        window_s=window_s,
        first_ms=float(np.median(samples[began_s < window_s])),
        last_ms=float(np.median(samples[began_s >= min(duration_s - window_s, began_s[-1])])),
    )
