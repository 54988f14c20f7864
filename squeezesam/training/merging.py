"""Mask merging (paper section 3.3): the whole object that a small mask belongs to.

Data sets label the same photo at several levels. A click on the sleeve should give the person, so
a mask grows into what contains it, or into the region that encloses it, and so on upwards. The
geometry alone decides; `kind` labels play no part.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.records import Mask


@dataclass(frozen=True)
class MergeConfig:
    """When one mask is a piece of another.

    Attributes:
        chance: share of the samples that ask for the whole instead of the piece; 0 switches off.
        contained: share of the piece that must lie inside the whole.
        enclosed: share of the piece's outline that must touch the region around it.
        growth: least ratio of the areas of whole and piece; below it they are the same thing.
        largest: share of the photo beyond which a mask is the scene and not an object.
    """

    chance: float = 0.85
    contained: float = 0.85
    enclosed: float = 0.6
    growth: float = 1.15
    largest: float = 0.6


def whole_of_each(masks: Sequence[Mask], config: MergeConfig) -> list[tuple[int, ...]]:
    """For each mask of one photo, the masks whose union is its whole object, itself first.

    Args:
        masks: [H, W] each, all of one size.
        config: thresholds.
    """
    if not masks:
        return []
    parents = _parents(np.stack(masks), config)
    wholes = []
    for index in range(len(masks)):
        chain = [index]
        # Areas grow along the chain, so it ends.
        while (parent := parents[chain[-1]]) is not None:
            chain.append(parent)
        wholes.append(tuple(chain))
    return wholes


def _parents(masks: NDArray[np.bool_], config: MergeConfig) -> list[int | None]:
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    areas = flat.sum(axis=1)
    inside = (flat @ flat.T) / areas.clip(min=1)[:, None]  # [i, j]: share of i that lies in j
    is_object = areas <= config.largest * flat.shape[1]
    larger = (areas[None] >= config.growth * areas[:, None]) & is_object[None]
    containers = larger & (inside >= config.contained)
    rings = _rings(masks).reshape(flat.shape).astype(np.float32)
    touching = (rings @ flat.T) / rings.sum(axis=1).clip(min=1)[:, None]
    neighbours = larger & (touching >= config.enclosed) & ~_is_background(masks)[None]
    neighbours &= ~containers.any(axis=1)[:, None]
    candidates = np.where(containers | neighbours, areas[None], 0)
    return [int(row.argmax()) if row.any() else None for row in candidates]


def _rings(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that share a side with each mask and lie outside it: [M, H, W]."""
    wide = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    above, below = wide[:, :-2, 1:-1], wide[:, 2:, 1:-1]
    left, right = wide[:, 1:-1, :-2], wide[:, 1:-1, 2:]
    return (above | below | left | right) & ~masks


def _is_background(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each mask reaches two or more sides of the photo: sky encloses a bird."""
    sides = (masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1])
    return np.sum([side.any(axis=1) for side in sides], axis=0) >= 2
