"""A teacher's answers to clicks on one photo, the doubtful and the repeated left out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.packing import bounding_box
from squeezesam.data.rle import RleMask, encode_rle
from squeezesam.distillation.options import LabelOptions
from squeezesam.distillation.points import Points
from squeezesam.errors import ConfigError
from squeezesam.predictor import Predictor
from squeezesam.spec import MASK_THRESHOLD, PointLabel

Bits = NDArray[np.uint8]
"""A mask of any resolution, 8 pixels to a byte."""


@dataclass(frozen=True)
class Answer:
    """One mask that the teacher gave to one click.

    Attributes:
        mask: at the photo's size.
        area: its pixels.
        box: left, top, width and height around it.
        point: the click (x, y) in photo pixels.
        predicted_iou: the teacher's own opinion of the mask.
        stability_score: IoU of the masks at a raised and at a lowered threshold.
        bits: the mask at the teacher's resolution, to compare answers.
    """

    mask: RleMask
    area: int
    box: list[int]
    point: tuple[float, float]
    predicted_iou: float
    stability_score: float
    bits: Bits


def answers(
    predictor: Predictor, pixels: NDArray[np.uint8], points: Points, options: LabelOptions
) -> list[Answer]:
    """The teacher's distinct answers to one click at a time, best first.

    Args:
        predictor: the teacher.
        pixels: the photo, [H, W, 3] RGB.
        points: clicks, [N, 2] (x, y).
        options: which answers are kept.

    Raises:
        ConfigError: the teacher predicts no IoU.
    """
    predictor.set_image(pixels)
    sure = [answer for point in points for answer in _sure(predictor, point, options)]
    return _distinct(sure, options.duplicate_iou)


def stability(logits: NDArray[np.float32], offset: float) -> float:
    """IoU of the masks that logits [h, w] give at MASK_THRESHOLD + offset and - offset."""
    union = int((logits > MASK_THRESHOLD - offset).sum())
    return int((logits > MASK_THRESHOLD + offset).sum()) / union if union else 0.0


def _sure(
    predictor: Predictor, point: NDArray[np.float32], options: LabelOptions
) -> Iterator[Answer]:
    # As in segment-anything's ONNX export, stability is judged on the low-resolution logits.
    for mask, iou, logits in zip(
        *predictor.predict(point[None], np.array([PointLabel.POSITIVE])), strict=True
    ):
        if np.isnan(iou):
            raise ConfigError("this teacher predicts no IoU to choose by; take one of SAM's family")
        score = stability(logits, options.stability_offset)
        if iou > options.predicted_iou and score >= options.stability_score and mask.any():
            yield Answer(
                encode_rle(mask),
                int(mask.sum()),
                bounding_box(mask),
                (float(point[0]), float(point[1])),
                float(iou),
                score,
                np.packbits(logits > MASK_THRESHOLD),
            )


def _distinct(sure: list[Answer], duplicate_iou: float) -> list[Answer]:
    """Non-maximum suppression: an answer falls to a better one that it overlaps too much."""
    kept: list[Answer] = []
    for answer in sorted(sure, key=lambda answer: -answer.predicted_iou):
        if all(_iou(answer.bits, better.bits) <= duplicate_iou for better in kept):
            kept.append(answer)
    return kept


def _iou(a: Bits, b: Bits) -> float:
    union = int(np.bitwise_count(a | b).sum())
    return int(np.bitwise_count(a & b).sum()) / union if union else 1.0
