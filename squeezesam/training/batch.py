"""A batch on the training device."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """What one step of training is about.

    Attributes:
        image: [B, 3, S, S], as the network takes it.
        target: [B, 1, S/2, S/2] share of each mask pixel inside the whole object.
        asked: [B, 1, S/2, S/2] the same for the piece of it that is clicked; often all of it.
        shown: [B, 1, S/2, S/2] bool, False on the padding: nobody clicks there.
        whole: [B] how much each sample teaches the whole-object mask, 0..1.
    """

    image: Tensor
    target: Tensor
    asked: Tensor
    shown: Tensor
    whole: Tensor
