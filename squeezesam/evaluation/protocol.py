"""mIoU after k clicks: the measure of interactive segmentation, at the photo's own size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.records import AnnotatedImage
from squeezesam.evaluation.clicks import Click, Mask, next_click
from squeezesam.predictor import SamPredictor


@dataclass(frozen=True)
class ObjectResult:
    """IoU after each click on one object.

    Attributes:
        photo: file name.
        index: place of the object among the photo's annotations.
        ious: IoU after 1, 2, ... clicks; repeats the last once nothing is left to correct.
    """

    photo: str
    index: int
    ious: tuple[float, ...]


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bootstrap interval over objects."""

    mean: float
    low: float
    high: float


def mask_iou(a: Mask, b: Mask) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def evaluate(
    predictor: SamPredictor, images: Sequence[AnnotatedImage], clicks: int
) -> Iterator[ObjectResult]:
    """Click on every whole object and report as each is done.

    Args:
        predictor: the network under test.
        images: photos; annotations of kind `part` are skipped.
        clicks: clicks on each object; from the second on, the previous mask goes in as well.
    """
    for image in images:
        predictor.set_image(image.pixels())
        for index, annotation in enumerate(image.annotations):
            if annotation.kind != "part":
                ious = click_ious(predictor, annotation.mask(), clicks)
                yield ObjectResult(image.name, index, ious)


def click_ious(predictor: SamPredictor, target: Mask, clicks: int) -> tuple[float, ...]:
    """IoU after 1..`clicks` clicks on one object of the photo that is set."""
    answer, low_res = np.zeros_like(target), None
    given: list[Click] = []
    ious: list[float] = []
    for _ in range(clicks):
        click = next_click(target, answer)
        if click is not None:
            given.append(click)
            masks, _, low_res = predictor.predict(
                point_coords=np.array([(point.x, point.y) for point in given]),
                point_labels=np.array([point.label for point in given]),
                mask_input=low_res,
                multimask_output=False,
            )
            answer = masks[0]
        ious.append(mask_iou(answer, target))
    return tuple(ious)


def mean_iou(results: Sequence[ObjectResult], clicks: int, *, resamples: int = 2000) -> Interval:
    """Mean IoU in percent after `clicks` clicks, over objects."""
    ious: NDArray[np.float64] = np.array([result.ious[clicks - 1] for result in results]) * 100
    rng = np.random.default_rng(0)
    means = rng.choice(ious, (resamples, len(ious))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(ious.mean()), float(low), float(high))
