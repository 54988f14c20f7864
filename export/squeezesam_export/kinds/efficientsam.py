"""EfficientSAM: its golden prompts, and what an app must know to ask it."""

from dataclasses import dataclass, replace
from typing import ClassVar

from squeezesam import spec
from squeezesam.examples import Example
from squeezesam.inference.prompting import EfficientSamPrompting
from squeezesam.networks.configs import EfficientSamConfig
from squeezesam.spec import EFFICIENTSAM, PointLabel
from squeezesam_export.contract import PREPROCESSING, Preprocessing
from squeezesam_export.kinds.golden_case import CaseRecord
from squeezesam_export.kinds.segmenter import SegmenterRecipe, golden_prompts


@dataclass(frozen=True)
class EfficientSamRules:
    """How EfficientSAM is asked, where it differs from the contract of the bundle."""

    graphs: str = "the encoder runs once for each photo, the decoder for each set of prompts"
    slots: int = spec.EFFICIENTSAM_POINTS
    labels: tuple[str, ...] = tuple(label.name.lower() for label in spec.EFFICIENTSAM_LABELS)
    points: str = (
        "of x and of y: 2 * (place * input_size / side + 0.5) / input_size - 1, with place in "
        "photo pixels and side that of the photo, for clicks and for corners of the box alike; an "
        "unused slot is -1 / input_size - 1"
    )
    slot_order: str = (
        "clicks, oldest first, then the top left and the bottom right corner of the box; the last "
        "`slots` of these, then unused slots"
    )
    point_kinds: str = "one-hot of the label, in the order of `labels`"
    background_clicks: str = "none: the network was trained without, so that an app refuses them"
    previous_mask: str = "no prompt; the network is asked once, about the whole photo"
    answer: str = "the mask with the largest predicted IoU where one is wanted, else all of them"
    mask_stride: int = spec.EFFICIENTSAM_MASK_STRIDE
    photo_mask: str = "as the contract says, with this mask_stride; the photo fills the whole mask"


class EfficientSamRecipe(SegmenterRecipe):
    """Asked with clicks on the object and a box."""

    kind = EFFICIENTSAM
    default_variant = "efficientsam_ti"
    stride = EfficientSamConfig.bottom_stride
    second_label = PointLabel.POSITIVE
    frame = EfficientSamPrompting.frame
    preprocessing: ClassVar[Preprocessing] = replace(
        PREPROCESSING,
        fit="each side becomes input_size",
        resize_filter="bilinear, not antialiased; the result is rounded to whole bytes",
        placement="the photo fills the input, so that there is no padding",
    )
    rules: ClassVar[object] = EfficientSamRules()

    def golden_prompts(self, example: Example) -> tuple[CaseRecord, ...]:
        """One click, several clicks on the object, a box, and a box with a click."""
        one, several, box, correction = golden_prompts(example)
        return (
            one,
            replace(several, name="two clicks", clicks=correction.clicks),
            box,
            replace(box, name="box and click", clicks=one.clicks),
        )
