"""Where a teacher is clicked."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.records import Mask
from squeezesam.evaluation.regions import deepest_point

Points = NDArray[np.float32]
"""[N, 2] (x, y) in photo pixels."""


def grid_points(width: int, height: int, per_side: int) -> Points:
    """Centres of a regular grid of `per_side` x `per_side` cells over the photo."""
    centres = (np.arange(per_side, dtype=np.float32) + 0.5) / per_side
    x, y = np.meshgrid(centres * width, centres * height)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def mask_points(masks: Iterable[Mask], per_mask: int, seed: int) -> Points:
    """The deepest point of every mask [H, W], then random ones, up to `per_mask` in all."""
    rng = np.random.default_rng(seed)
    points: list[tuple[int, int]] = []
    for mask in masks:
        deepest = deepest_point(mask)
        if deepest is None:
            continue
        points.append((deepest.x, deepest.y))
        rows, columns = mask.nonzero()
        places = rng.choice(len(rows), min(per_mask - 1, len(rows)), replace=False)
        points += zip(columns[places], rows[places], strict=True)
    return np.array(points, np.float32).reshape(-1, 2)
