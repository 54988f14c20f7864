"""What an app must know to cut out the most prominent object without a click, as data.

Every constant comes from where the code has it; the sentences say in other words what
`squeezesam.saliency` and `squeezesam.transforms.Letterbox` do.
"""

from dataclasses import dataclass

from squeezesam import spec
from squeezesam.saliency.clicks import DEFAULT_SAMPLING, ClickSampling
from squeezesam.saliency.predictor import HEAT_LEVELS
from squeezesam.spec import TensorSpec


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
class SalientContract:
    """The detector's tensors, and the pipeline of detector, clicks and segmenter."""

    input_size: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
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


def salient_contract(size: int) -> SalientContract:
    """That of this version at an input size."""
    return SalientContract(
        input_size=size,
        inputs=spec.detector_input_specs(size),
        outputs=spec.detector_output_specs(size),
    )
