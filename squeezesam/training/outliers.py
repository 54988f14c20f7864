"""Outlier injection (paper section 3.3): background clicks that the network must resist.

A salient-object detector, or a hasty thumb, puts a click beside the object. Among enough good
clicks the network should see through it; alone with one other click nobody could.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from squeezesam.spec import PointLabel
from squeezesam.training.chance import happens
from squeezesam.training.clicks import random_click


@dataclass(frozen=True)
class OutlierConfig:
    """When a click goes astray.

    Attributes:
        chance: share of the samples with enough good clicks that get a wrong one; 0 switches off.
        least_clicks: good clicks that make it possible to tell.
    """

    chance: float = 0.3
    least_clicks: int = 3


def wrong_clicks(
    labels: Tensor, background: Tensor, config: OutlierConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One more click per sample, on the background but labelled POSITIVE.

    Args:
        labels: [B, P] of the clicks already given.
        background: [B, 1, S, S] bool, shown and not of the object.
        config: chances.
        generator: source of randomness.

    Returns:
        coords [B, 1, 2] in input pixels and labels [B, 1], PAD where the user makes no mistake.
    """
    good = (labels == PointLabel.POSITIVE).sum(dim=1)
    possible = (good >= config.least_clicks) & background.flatten(1).any(dim=1)
    astray = possible & happens(len(labels), config.chance, generator)
    wrong = torch.where(astray, int(PointLabel.POSITIVE), int(PointLabel.PAD))
    return random_click(background, generator), wrong[:, None]
