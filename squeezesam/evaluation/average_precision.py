"""Average precision of masks as COCO and LVIS define it, computed by pycocotools.

LVIS annotates only some categories of a photo. A mask of a category of which nothing is said on its
photo does not count, and one that is right about no object of a category of which not all objects
are annotated is neither right nor wrong. Its own package computes the same of the same masks, but
fails beside numpy 1.24 or later.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


@dataclass(frozen=True)
class MaskAp:
    """Average precision of masks, each 0..1; None where there is nothing to judge it by.

    Attributes:
        ap: mean over thresholds of IoU from 0.5 to 0.95.
        ap50: at an IoU of 0.5.
        ap75: at an IoU of 0.75.
        small: `ap` of objects below 32 x 32 pixels.
        medium: `ap` of objects below 96 x 96 pixels.
        large: `ap` of all larger objects.
        photos: on which this was measured.
        boxes: that counted on these photos.
        rare: `ap` of LVIS's categories of at most 10 photos.
        common: `ap` of those of at most 100.
        frequent: `ap` of all others.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    small: float | None
    medium: float | None
    large: float | None
    photos: int
    boxes: int
    rare: float | None = None
    common: float | None = None
    frequent: float | None = None


@dataclass(frozen=True)
class LvisRules:
    """What LVIS says of the categories on each photo, by the identity of the photo.

    Attributes:
        judged: of which it is known whether they are there.
        incomplete: of which not all objects are annotated.
        frequencies: "r", "c" or "f" of each category that has one: rare, common or frequent.
    """

    judged: Mapping[int, Set[int]]
    incomplete: Mapping[int, Set[int]]
    frequencies: Mapping[int, str]


EVERY_SIZE, SMALL, MEDIUM, LARGE = range(4)
"""Axis of pycocotools for the size of objects."""

AT_50, AT_75 = 0, 5
"""Of its thresholds, which are 0.05 apart from 0.5 on."""


def average_precision(
    truth: dict[str, Any],
    masks: Sequence[dict[str, Any]],
    photos: Sequence[int],
    lvis: LvisRules | None = None,
) -> MaskAp:
    """The AP of masks.

    Args:
        truth: photos, objects and categories in COCO's format.
        masks: at least one, in COCO's format of results; of LVIS only those of judged categories.
        photos: identities of the photos that count.
        lvis: for LVIS; None for COCO, which ignores crowds.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        ground_truth = COCO()
        ground_truth.dataset = truth
        ground_truth.createIndex()
        evaluation = COCOeval(ground_truth, ground_truth.loadRes(list(masks)), "segm")
        evaluation.params.imgIds = list(photos)
        if lvis is not None:
            evaluation.params.maxDets = [len(masks)]
        evaluation.evaluate()
        if lvis is not None:
            ignore_unmatched(evaluation.evalImgs, lvis.incomplete)
        evaluation.accumulate()
    # [thresholds, recalls, categories, sizes]; -1 where there is no object
    precision = evaluation.eval["precision"][..., -1]
    frequencies = {} if lvis is None else lvis.frequencies
    categories = np.array([frequencies.get(one, "") for one in evaluation.params.catIds])
    every, small, medium, large = (
        mean_of_known(precision[..., size]) for size in (EVERY_SIZE, SMALL, MEDIUM, LARGE)
    )
    rare, common, frequent = (
        mean_of_known(precision[:, :, categories == name, EVERY_SIZE]) for name in "rcf"
    )
    return MaskAp(
        ap=every,
        ap50=mean_of_known(precision[AT_50, ..., EVERY_SIZE]),
        ap75=mean_of_known(precision[AT_75, ..., EVERY_SIZE]),
        small=small,
        medium=medium,
        large=large,
        photos=len(photos),
        boxes=len(masks),
        rare=rare,
        common=common,
        frequent=frequent,
    )


def ignore_unmatched(
    judgements: Sequence[dict[str, Any] | None], incomplete: Mapping[int, Set[int]]
) -> None:
    """Let masks of no annotated object count as nothing where not all objects are annotated."""
    for one in judgements:
        if one is not None and one["category_id"] in incomplete[one["image_id"]]:
            one["dtIgnore"] = np.logical_or(one["dtIgnore"], one["dtMatches"] == 0)


def mean_of_known(precision: NDArray[np.float64]) -> float | None:
    """The mean of all precisions that are known; None for none."""
    known = precision[precision >= 0]
    return float(known.mean()) if known.size else None
