"""What the network is trained to minimise."""

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import MASK_THRESHOLD

IOU_WEIGHT = 0.25


def mask_losses(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy plus Dice of every mask: logits [B, M, S, S], target [B, 1, S, S] -> [B, M]."""
    target = target.expand_as(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(2, 3))
    chance = logits.sigmoid()
    shared = (chance * target).sum(dim=(2, 3))
    dice = 1 - (2 * shared + 1) / (chance.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) + 1)
    return entropy + dice


def mask_ious(logits: Tensor, target: Tensor) -> Tensor:
    """IoU of every thresholded mask: logits [B, M, S, S], target [B, 1, S, S] bool -> [B, M]."""
    mask = logits > MASK_THRESHOLD
    shared = (mask & target).sum(dim=(2, 3))
    return shared / (mask | target).sum(dim=(2, 3)).clamp(min=1)


def click_loss(logits: Tensor, iou: Tensor, target: Tensor, is_whole: Tensor) -> Tensor:
    """Loss of one answer.

    Mask 0 answers for whole objects alone; masks 1..3 share every target, the best of them being
    paid for it (segment-anything, section 3), so they spread over the readings of a click.

    Args:
        logits: [B, 4, S, S].
        iou: [B, 4] predicted IoUs.
        target: [B, 1, S, S] in 0..1.
        is_whole: [B], 0 for parts.
    """
    losses = mask_losses(logits, target)
    whole = (losses[:, 0] * is_whole).sum() / is_whole.sum().clamp(min=1)
    alternative = losses[:, 1:].amin(dim=1).mean()
    with torch.no_grad():
        achieved = mask_ious(logits, target > 0.5)
    return whole + 0.5 * alternative + IOU_WEIGHT * F.mse_loss(iou, achieved)
