"""The learning rate of every step."""

import math

FLOOR = 0.01
"""Share of the peak at which the cosine ends."""


def learning_rate(step: int, *, peak: float, warmup: int, steps: int) -> float:
    """Linear warm-up times a cosine decay over all steps."""
    warm = min((step + 1) / max(warmup, 1), 1.0)
    cosine = (1 + math.cos(math.pi * step / steps)) / 2
    return peak * warm * (FLOOR + (1 - FLOOR) * cosine)
