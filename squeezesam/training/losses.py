"""What the network is trained to minimise."""

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import MASK_THRESHOLD

ALTERNATIVE_WEIGHT = 0.4
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


def click_loss(logits: Tensor, iou: Tensor, target: Tensor, asked: Tensor, whole: Tensor) -> Tensor:
    """Loss of one answer.

    Mask 0 answers for whole objects alone. Masks 1..3 are paid for the best of them, once for the
    whole and once for the clicked piece (segment-anything, section 3), so they spread over the
    readings of a click. Everything is a mean over samples: equal shards of a batch, averaged, give
    the gradient of the batch.

    Args:
        logits: [B, 4, S, S].
        iou: [B, 4] predicted IoUs.
        target: [B, 1, S, S] share of each pixel inside the whole object.
        asked: [B, 1, S, S] the same of the piece that was clicked; where there is no telling piece
            and whole apart, the target again.
        whole: [B] weight of mask 0.
    """
    losses = mask_losses(logits, target)
    alternatives = (losses[:, 1:].amin(dim=1) + mask_losses(logits[:, 1:], asked).amin(dim=1)) / 2
    with torch.no_grad():
        whole_iou, asked_iou = (mask_ious(logits, mask > 0.5) for mask in (target, asked))
        # An alternative is as good as the better of the two readings; mask 0 knows only one.
        achieved = torch.cat([whole_iou[:, :1], torch.maximum(whole_iou, asked_iou)[:, 1:]], dim=1)
        known = torch.cat([whole[:, None], torch.ones_like(achieved[:, 1:])], dim=1)
    return (
        (whole * losses[:, 0]).mean()
        + ALTERNATIVE_WEIGHT * alternatives.mean()
        + IOU_WEIGHT * (known * (iou - achieved) ** 2).mean()
    )
