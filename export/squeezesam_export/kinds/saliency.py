"""The salient-object detector: its rules, golden heat maps and figures.

Every constant of the rules comes from where the code has it; the sentences say in other words what
`squeezesam.inference.saliency_prompt` and `squeezesam.inference.letterbox.Letterbox` do.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from squeezesam import spec
from squeezesam.examples import Example
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.load import GraphSequence
from squeezesam.inference.saliency_predictor import HEAT_LEVELS, SalientFinding, find
from squeezesam.inference.saliency_prompt import DEFAULT_SAMPLING, ClickSampling, Pixel
from squeezesam.networks.configs import DEFAULT_DETECTOR, DetectorConfig
from squeezesam.spec import DETECTOR, SALIENCY_LOGITS, SEGMENTER, PointLabel
from squeezesam.vectors import saliency as click_vectors
from squeezesam_export.kinds.golden_case import CaseRecord, GoldenCase, GoldenClick
from squeezesam_export.kinds.recipe import (
    KindRecipe,
    ParityFigure,
    Vectors,
)
from squeezesam_export.quantization.calibration import Inputs

CASE = "most prominent object"
HEAT, HEAT_CLICKS = "heat", "heat_clicks"
"""Arrays of a golden file: the heat map on the photo, uint8 [h, w], and the clicks in its pixels,
int64 [N, 2] (x, y)."""


@dataclass(frozen=True)
class HeatMap:
    """The way from `saliency_logits` to a heat map of bytes."""

    stride: int = spec.SALIENCY_STRIDE
    levels: int = HEAT_LEVELS
    area: str = (
        "the columns and rows, from the top left, that have their centre on the photo: "
        "max(1, floor((inside + stride / 2 - 1) / stride)) of each, with inside the side of the "
        "resized photo in input pixels; all else is cut off before anything is looked for"
    )
    byte: str = "floor(levels * (1 + tanh(logit / 2)) / 2 + 0.5), in double precision"


@dataclass(frozen=True)
class ClickRules:
    """The way from the heat map to clicks, in whole numbers below 2^53 throughout."""

    hot: str = "a pixel whose byte is at least threshold"
    blob: str = "hot pixels that touch one another, also at a corner"
    most_salient: str = (
        "the blob of the largest sum of bytes; of equals, the one whose first pixel in reading "
        "order comes first"
    )
    no_object: str = (
        "there is no blob, or 1000 * pixels of the most salient blob < smallest_per_mille * pixels "
        "of the heat map, or its largest byte < peak; then there are no clicks and no mask"
    )
    nearest_to_centre: str = (
        "of n pixels whose columns sum up to X and rows to Y, the (x, y) with the smallest "
        "(n * x - X)^2 + (n * y - Y)^2; of equals, the first in reading order"
    )
    clicks: str = (
        "(x0, y0), the nearest to the centre of the most salient blob; then likewise of its pixels "
        "with x <= x0, y <= y0; x > x0, y <= y0; x <= x0, y > y0; x > x0, y > y0; where there are "
        "none of these, (x0, y0) again; of these five the first `clicks`"
    )
    photo_pixel: str = (
        "of x and of y: min(floor(floor((2 * place + 1) * stride / 2) * side / inside), side - 1), "
        "with side and inside those of the photo and of the resized photo"
    )


@dataclass(frozen=True)
class SaliencyRules:
    """The way from the detector's answer to clicks, and from these to the segmenter's mask."""

    heat_map: HeatMap = HeatMap()
    click_sampling: ClickSampling = DEFAULT_SAMPLING
    click_rules: ClickRules = ClickRules()
    automatic_mask: str = (
        "the clicks, in photo pixels and in their order, go to the segmenter as positive points, "
        "without box; the earlier mask of the whole photo is saliency_logits, enlarged bilinearly "
        "by stride / map_stride (half-pixel centres, edges repeated), and moved from the photo in "
        "the detector's input to the photo in the segmenter's as looking.moved says, so that "
        "there is no glance; channel 0 of low_res_masks is the answer"
    )
    edit: str = (
        "the automatic clicks first, then all of the user's so far, oldest first, so that a "
        "user's click overrules an automatic one on the same pixel; the previous "
        "mask is channel 0 of the latest answer; where nothing stood out, the user's clicks alone, "
        "and no previous mask before the first answer"
    )


def found(case: GoldenCase, outputs: Sequence[Tensor]) -> SalientFinding:
    """What an answer finds in the photo of a case."""
    return find(outputs[0], case.letterbox, DEFAULT_SAMPLING)


def heat_clicks(finding: SalientFinding) -> tuple[Pixel, ...]:
    """Clicks in pixels of the heat map; none where nothing stands out."""
    return () if finding.salient is None else finding.salient.clicks


def record_of(finding: SalientFinding, previous: str | None) -> CaseRecord:
    """What is found as clicks in photo pixels."""
    clicks = tuple(GoldenClick(int(x), int(y), PointLabel.POSITIVE) for x, y in finding.coords)
    return CaseRecord(CASE, clicks, None, previous)


def click_distance(case: GoldenCase, outputs: Sequence[Tensor]) -> float:
    """Largest distance between the clicks and PyTorch's in pixels of the heat map.

    The diagonal of the heat map stands for an object that only one of them finds.
    """
    ours, theirs = (heat_clicks(found(case, one)) for one in (case.outputs, outputs))
    if len(ours) != len(theirs):
        return math.hypot(*case.letterbox.heat_size)
    return max(map(math.dist, ours, theirs), default=0.0)


class SaliencyRecipe(KindRecipe):
    """Exported beside the segmenter, which is asked for what it finds."""

    kind = DETECTOR
    default_variant = DEFAULT_DETECTOR
    stride = DetectorConfig.bottom_stride
    size_title = "detector size"
    rules = SaliencyRules()
    vectors: ClassVar[Mapping[str, Vectors]] = {
        "click_sampling.json": click_vectors.golden_vectors,
    }
    measures: ClassVar[tuple[ParityFigure, ...]] = (
        ParityFigure(
            "max_click_distance",
            "max click dist",
            ".1f",
            click_distance,
            lambda bounds: bounds.max_click_distance,
            "a click is {0:.1f} pixels of the heat map off, over {1:g}",
            slack=1,
            summary="clicks up to {0:.1f} pixels of the heat map off",
        ),
    )
    derived_arrays = (HEAT, HEAT_CLICKS)
    finds = "clicks in its heat map"
    feeds = SEGMENTER
    note = (
        "detector: its mask is where the heat map is hot; max click dist: from PyTorch's clicks, "
        "in pixels of the heat map;\nauto IoU: of masks without any click, by detector and "
        "segmenter of one target and precision, the smallest with PyTorch's"
    )

    def calibration_inputs(
        self,
        network: GraphSequence,  # noqa: ARG002
        size: int,
        photo: NDArray[np.uint8],
        rng: np.random.Generator,  # noqa: ARG002
    ) -> Iterable[Inputs]:
        """The photo."""
        yield (Letterbox.fit(photo.shape[1], photo.shape[0], size).apply(photo),)

    def golden_cases(
        self, network: GraphSequence, example: Example, size: int
    ) -> Sequence[GoldenCase]:
        """One case, with what PyTorch finds."""
        photo = read_photo(example.path)
        letterbox = Letterbox.fit(photo.shape[1], photo.shape[0], size)
        with torch.inference_mode():
            tensors = network.tensors([letterbox.apply(photo)])
        record = record_of(find(tensors[SALIENCY_LOGITS], letterbox, DEFAULT_SAMPLING), None)
        return [GoldenCase(self.kind, example.path.name, letterbox, record, tensors)]

    def masks(self, case: GoldenCase, outputs: Sequence[Tensor]) -> Tensor:
        """Which pixels of the photo are hot: [1, 1, h, w]."""
        heat = torch.from_numpy(found(case, outputs).heat)
        return (heat >= DEFAULT_SAMPLING.threshold)[None, None]

    def derived(
        self, cases: Sequence[GoldenCase]
    ) -> tuple[list[CaseRecord], dict[str, NDArray[Any]]]:
        """What PyTorch's heat map shows."""
        (case,) = cases
        finding = found(case, case.outputs)
        clicks = np.array(heat_clicks(finding), np.int64).reshape(-1, 2)
        return [record_of(finding, None)], {HEAT: finding.heat, HEAT_CLICKS: clicks}

    def prompt(
        self, case: GoldenCase, outputs: Sequence[Tensor], photo: Letterbox
    ) -> tuple[CaseRecord, Tensor] | None:
        """The clicks of the most prominent object, and the heat map as an earlier mask."""
        finding = found(case, outputs)
        if finding.salient is None:
            return None
        previous = torch.from_numpy(finding.mask_input(photo))[None]
        return record_of(finding, SALIENCY_LOGITS), previous
