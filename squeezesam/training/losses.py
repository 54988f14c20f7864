"""What the network is trained to minimise."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.spec import MASK_THRESHOLD


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts of the loss.

    Attributes:
        alternatives: weight of masks 1..3 against mask 0.
        iou: weight of the predicted IoUs.
        keep: how much more a pixel counts that the answer before had right: a correction must not
            undo what was good.
        focal: exponent of the normalized focal loss (RITM, arXiv 2102.06583); 0 is plain
            cross-entropy.
    """

    alternatives: float = 0.4
    iou: float = 1.0
    keep: float = 1.0
    focal: float = 0.0


def mask_losses(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, focal: float = 0.0
) -> Tensor:
    """Cross-entropy plus Dice of every mask.

    Args:
        logits: [B, M, S, S].
        target: [B, 1, S, S] share of each pixel that belongs to the object.
        weight: [B, 1, S, S] of each pixel in the cross-entropy; 1 everywhere where it is None.
        focal: see `LossConfig`.

    Returns:
        [B, M].
    """
    target = target.expand_as(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    chance = logits.sigmoid()
    if focal:
        hardness = (target - chance).abs() ** focal
        entropy = (
            entropy * hardness / hardness.detach().mean(dim=(2, 3), keepdim=True).clamp(min=1e-4)
        )
    if weight is not None:
        entropy = entropy * weight
    shared = (chance * target).sum(dim=(2, 3))
    dice = 1 - (2 * shared + 1) / (chance.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) + 1)
    return entropy.mean(dim=(2, 3)) + dice


def mask_ious(logits: Tensor, target: Tensor) -> Tensor:
    """IoU of every thresholded mask: logits [B, M, S, S], target [B, 1, S, S] bool -> [B, M]."""
    mask = logits > MASK_THRESHOLD
    shared = (mask & target).sum(dim=(2, 3))
    return shared / (mask | target).sum(dim=(2, 3)).clamp(min=1)


def best_mask_loss(
    logits: Tensor, iou: Tensor, target: Tensor, config: LossConfig | None = None
) -> Tensor:
    """Loss of alternatives of which none is meant to be the one answer, as in Segment Anything.

    Only the best mask of each sample is paid for, and the predicted IoUs of all of them.

    Args:
        logits: [B, M, S, S].
        iou: [B, M] predicted IoUs.
        target: [B, 1, S, S] share of each pixel inside the object.
        config: weights of the parts, of which `iou` and `focal` count.
    """
    config = config or LossConfig()
    best = mask_losses(logits, target, None, config.focal).amin(dim=1)
    achieved = mask_ious(logits, target > 0.5)
    return best.mean() + config.iou * ((iou - achieved) ** 2).mean()


def click_loss(
    logits: Tensor,
    iou: Tensor,
    target: Tensor,
    asked: Tensor,
    whole: Tensor,
    right: Tensor | None = None,
    config: LossConfig | None = None,
) -> Tensor:
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
        right: [B, 1, S, S] bool, pixels that the answer before this one had right; None for a first
            answer.
        config: weights of the parts.
    """
    config = config or LossConfig()
    weight = None if right is None else 1 + config.keep * right
    losses = mask_losses(logits, target, weight, config.focal)
    of_asked = mask_losses(logits[:, 1:], asked, None, config.focal)
    alternatives = (losses[:, 1:].amin(dim=1) + of_asked.amin(dim=1)) / 2
    with torch.no_grad():
        whole_iou, asked_iou = (mask_ious(logits, mask > 0.5) for mask in (target, asked))
        # An alternative is as good as the better of the two readings; mask 0 knows only one.
        achieved = torch.cat([whole_iou[:, :1], torch.maximum(whole_iou, asked_iou)[:, 1:]], dim=1)
        known = torch.cat([whole[:, None], torch.ones_like(achieved[:, 1:])], dim=1)
    return (
        (whole * losses[:, 0]).mean()
        + config.alternatives * alternatives.mean()
        + config.iou * (known * (iou - achieved) ** 2).mean()
    )
