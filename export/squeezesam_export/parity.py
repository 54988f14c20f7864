"""How close an artifact's answers are to the golden ones, in numbers."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from squeezesam.errors import VerificationError
from squeezesam.runtimes import InterpretedNetwork
from squeezesam.spec import MASK_THRESHOLD
from squeezesam_export.golden import GoldenAnswer
from squeezesam_export.manifest import Parity
from squeezesam_export.salient_golden import Detected


@dataclass(frozen=True)
class Measurement:
    """What running the golden cases showed.

    Attributes:
        parity: of the answers.
        median_ms: on this machine with default threads; None where an interpreter ran, whose time
            says nothing.
    """

    parity: Parity
    median_ms: float | None


def measure(network: Callable[..., Any], answers: Sequence[GoldenAnswer]) -> Measurement:
    """Run every golden case once, after one run to warm up.

    Raises:
        VerificationError: an answer has another shape than PyTorch's, or is not finite.
    """
    network(*answers[0].inputs)
    milliseconds: list[float] = []
    ious: list[float] = []
    first_ious: list[float] = []
    iou_errors: list[float] = []
    click_distances: list[float] = []
    mask_error, signal, noise = 0.0, 0.0, 0.0
    for answer in answers:
        started = time.perf_counter()
        given = network(*answer.inputs)
        milliseconds.append((time.perf_counter() - started) * 1e3)
        outputs: Sequence[Tensor] = (given,) if isinstance(given, Tensor) else given
        for output, wanted in zip(outputs, answer.outputs, strict=True):
            check_answer(answer.name, output, wanted)
        logits, wanted_logits = outputs[0], answer.outputs[0]
        error = (logits - wanted_logits).double()
        mask_error = max(mask_error, error.abs().max().item())
        noise += error.square().sum().item()
        signal += wanted_logits.double().square().sum().item()
        overlap = overlaps(answer.masks(logits), answer.masks(wanted_logits))
        ious += overlap.flatten().tolist()
        first_ious += overlap[:, 0].tolist()
        if isinstance(answer, Detected):
            click_distances.append(answer.click_distance(logits))
        else:
            iou_errors.append((outputs[1] - answer.iou_predictions).abs().max().item())
    return Measurement(
        Parity(
            max_mask_error=mask_error,
            mask_sqnr_db=10 * math.log10(signal / noise) if signal and noise else None,
            min_mask_iou=min(first_ious),
            mean_mask_iou=statistics.mean(ious),
            max_iou_error=max(iou_errors, default=None),
            max_click_distance=max(click_distances, default=None),
        ),
        None if isinstance(network, InterpretedNetwork) else statistics.median(milliseconds),
    )


def check_answer(case: str, given: Tensor, wanted: Tensor) -> None:
    """See that an answer can be compared at all.

    Raises:
        VerificationError: it cannot.
    """
    if given.shape != wanted.shape:
        raise VerificationError(
            f"{case}: answers shape {tuple(given.shape)}, not {tuple(wanted.shape)}"
        )
    if not given.isfinite().all():
        raise VerificationError(f"{case}: answers NaN or infinity")


def mask_ious(logits: Tensor, wanted: Tensor) -> Tensor:
    """IoU of each mask at the threshold, as `overlaps`: [B, M, H, W] -> [B, M]."""
    return overlaps(logits > MASK_THRESHOLD, wanted > MASK_THRESHOLD)


def overlaps(masks: Tensor, wanted: Tensor) -> Tensor:
    """IoU of each mask, 1 where both are empty: bool [B, M, H, W] -> [B, M]."""
    union = (masks | wanted).sum(dim=(2, 3))
    intersection = (masks & wanted).sum(dim=(2, 3))
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0)
