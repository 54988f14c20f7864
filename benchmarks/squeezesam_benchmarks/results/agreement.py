"""How far one artifact's answers on two processors are apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from squeezesam.errors import VerificationError
from squeezesam_benchmarks.results.records import Emulation, Result
from squeezesam_export.bundle.verification import check_answer, mask_ious

MIN_MASK_IOU = 0.99
"""Below it, the masks of the two processors are not the same. Between float kernels it is 1; in
int8 a sum on the edge between two steps may be rounded either way, and is carried on from there."""


@dataclass(frozen=True)
class Agreement:
    """Over all compared cases.

    Attributes:
        identical: every bit of every output.
        max_difference: largest absolute one of a mask logit or a predicted IoU.
        min_mask_iou: smallest over all masks, at the mask threshold.
    """

    identical: bool
    max_difference: float
    min_mask_iou: float


def compare(
    cases: Sequence[str],
    here: Sequence[tuple[Tensor, ...]],
    there: Sequence[tuple[Tensor, ...]],
) -> Agreement:
    """Compare float32 outputs, masks [1, M, H, W] first, of the same cases.

    Raises:
        VerificationError: a case has no answer, or one of NaN or infinity.
    """
    if len(there) != len(cases):
        raise VerificationError(f"{len(there)} answers to {len(cases)} cases")
    identical, differences, ious = True, [0.0], [1.0]
    for case, ours, theirs in zip(cases, here, there, strict=True):
        for wanted, given in zip(ours, theirs, strict=True):
            check_answer(case, given, wanted)
            identical &= torch.equal(given.view(torch.int32), wanted.view(torch.int32))
            differences.append((given - wanted).abs().max().item())
        ious.append(mask_ious(theirs[0], ours[0]).min().item())
    return Agreement(identical, max(differences), min(ious))


def same_masks(emulation: Emulation) -> bool:
    """Whether the agreement is good enough."""
    return emulation.min_mask_iou >= MIN_MASK_IOU


def check_agreement(results: Sequence[Result]) -> None:
    """Refuse results of emulated processors that answer with other masks than this machine.

    Raises:
        VerificationError: names the artifacts.
    """
    emulated = [(one.artifact.name, one.measurement.emulation) for one in results]
    others = [
        f"{name} on {emulation.cpu} (min IoU {emulation.min_mask_iou:.5f})"
        for name, emulation in emulated
        if emulation is not None and not same_masks(emulation)
    ]
    if others:
        raise VerificationError(f"other masks than on this machine: {', '.join(others)}")
