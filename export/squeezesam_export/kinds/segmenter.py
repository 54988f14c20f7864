"""The promptable network: its golden prompts and figures."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from squeezesam.examples import Example
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.load import GraphSequence, LoadedNetwork
from squeezesam.inference.mask_cleanup import Wanted, cleaned_logits
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompting import prompting_of
from squeezesam.inference.prompts import (
    PromptDrawing,
    Prompts,
    check_prompts,
)
from squeezesam.networks.building import folded
from squeezesam.networks.configs import DEFAULT_VARIANT
from squeezesam.networks.segmenter import BOTTOM_STRIDE
from squeezesam.networks.weights import load_weights
from squeezesam.spec import (
    IMAGE,
    MASK_THRESHOLD,
    POINT_SEGMENTER,
    PROMPT_DRAWING,
    SEGMENTER,
    PointLabel,
)
from squeezesam_export.kinds.golden_case import CaseRecord, GoldenCase, GoldenClick
from squeezesam_export.kinds.recipe import KindRecipe, ParityFigure, Preceded, finite_run
from squeezesam_export.quantization.calibration import Calibration, Inputs, calibrate

BOX_MARGIN = (50, 80)
"""Photo pixels, across and down, by which the golden box exceeds the clicks on the object."""

MANY_CLICKS = 5
MIDDLE = (0.2, 0.8)
"""Where a photo's subject is clicked for calibration, as a share of its width and height."""


def iou_error(case: GoldenCase, outputs: Sequence[Tensor]) -> float:
    """Largest absolute difference of a predicted IoU."""
    return (outputs[1] - case.outputs[1]).abs().max().item()


class SegmenterRecipe(KindRecipe):
    """Asked with clicks, a box and a correction; the recipe of any network that takes prompts.

    Attributes:
        second_label: of clicks after the first, where a network is calibrated.
    """

    kind = SEGMENTER
    default_variant = DEFAULT_VARIANT
    stride = BOTTOM_STRIDE
    second_label: ClassVar[PointLabel] = PointLabel.NEGATIVE
    measures: ClassVar[tuple[ParityFigure, ...]] = (
        ParityFigure(
            "max_iou_error",
            "max IoU err",
            ".1e",
            iou_error,
            lambda bounds: bounds.max_iou_error,
            "a predicted IoU is off by {0:.4f}, over {1}",
            slack=0.001,
        ),
    )

    def calibration_inputs(
        self, network: GraphSequence, size: int, photo: NDArray[np.uint8], rng: np.random.Generator
    ) -> Iterable[Inputs]:
        """As a user would prompt it: one click, its correction, many clicks and a box."""
        asked: list[Inputs] = []

        def recorded(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
            asked.append(tuple(inputs))
            return network(inputs)

        predictor = SamPredictor(LoadedNetwork(self.kind, size, recorded))
        predictor.set_image(photo)
        side = np.array(photo.shape[1::-1])

        def clicks(count: int) -> NDArray[np.float64]:
            return np.floor(rng.uniform(*MIDDLE, (count, 2)) * side)

        first, wrong = clicks(1), np.floor(rng.uniform(0, 1, (1, 2)) * side)
        labels = [int(PointLabel.POSITIVE), int(self.second_label)]
        *_, low_res_masks = predictor.predict(first, labels[:1], multimask_output=False)
        predictor.predict(np.concatenate([first, wrong]), labels, mask_input=low_res_masks)
        others = [labels[1]] * 2
        predictor.predict(clicks(MANY_CLICKS), rng.permutation([1, 1, 1, *others]))
        low, high = rng.uniform(0, 0.4, 2), rng.uniform(0.6, 1, 2)
        predictor.predict(box=np.concatenate([low * side, high * side]))
        return asked

    def golden_cases(
        self, network: GraphSequence, example: Example, size: int
    ) -> Sequence[GoldenCase]:
        """The answers to `golden_prompts`."""
        photo = read_photo(example.path)
        letterbox = self.frame.fit(photo.shape[1], photo.shape[0], size)
        image = letterbox.apply(photo)
        cases: list[GoldenCase] = []
        masks: dict[str | None, Tensor | None] = {None: None}
        for record in self.golden_prompts(example):
            before = masks[record.previous]
            with torch.inference_mode():
                tensors = network.tensors(self.prompted_inputs(image, letterbox, record, before))
            case = GoldenCase(self.kind, example.path.name, letterbox, record, tensors)
            masks[record.name] = cleaned_mask(case, before)
            cases.append(case)
        return cases

    def asked(self, cases: Sequence[GoldenCase]) -> list[Inputs]:
        """The clicks, the box and the earlier answer of each record, encoded.

        Raises:
            ValueError: they lie outside the photo, or there is no such answer.
        """
        masks: dict[str | None, Tensor | None] = {None: None}
        asked = []
        for case in cases:
            if case.record.previous not in masks:
                raise ValueError(f"{case.name} goes on from a case that is not before it")
            before = masks[case.record.previous]
            image = case.tensors[IMAGE]
            asked.append(self.prompted_inputs(image, case.letterbox, case.record, before))
            masks[case.record.name] = cleaned_mask(case, before)
        return asked

    def masks(self, case: GoldenCase, outputs: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        """Pixels of each mask [B, M, S/2, S/2]."""
        return outputs[0] > MASK_THRESHOLD

    def prompted_inputs(
        self, image: Tensor, photo: Letterbox, record: CaseRecord, previous: Tensor | None
    ) -> Inputs:
        """The image and the prompts as the kind takes them, by the same code as the predictor's."""
        return prompting_of(self.kind).inputs(image, prompts_of(record, photo), previous, photo)

    def golden_prompts(self, example: Example) -> tuple[CaseRecord, ...]:
        """What the network is asked about a shipped photo."""
        return golden_prompts(example)


class PointSegmenterRecipe(SegmenterRecipe):
    """The same weights with the drawing of prompts in front of them."""

    kind = POINT_SEGMENTER

    def graphs(self, path: Path, size: int) -> tuple[str, tuple[nn.Module, ...]]:
        """The one graph that draws and segments.

        Raises:
            WeightsError: the weights are missing, damaged or of another network.
        """
        variant, network = load_weights(path, size, SEGMENTER)
        drawing, both = PromptDrawing(size), self.kind
        return variant, (Preceded(drawing, PROMPT_DRAWING, folded(network), SEGMENTER, both),)


def golden_prompts(example: Example) -> tuple[CaseRecord, ...]:
    """One click, three clicks, a box, and a correction of the first answer."""
    garment = GoldenClick(*example.garment, PointLabel.POSITIVE)
    legs = GoldenClick(*example.legs, PointLabel.POSITIVE)
    background = GoldenClick(*example.background, PointLabel.NEGATIVE)
    across, down = BOX_MARGIN
    box = (
        min(garment.x, legs.x) - across,
        min(garment.y, legs.y) - down,
        max(garment.x, legs.x) + across,
        max(garment.y, legs.y) + down,
    )
    return (
        CaseRecord("one click", (garment,), None, None),
        CaseRecord("three clicks", (garment, legs, background), None, None),
        CaseRecord("box", (), box, None),
        CaseRecord("correction", (garment, legs), None, "one click"),
    )


def cleaned_mask(case: GoldenCase, previous: Tensor | None) -> Tensor:
    """Mask 0 of a case as the predictor cleans it: logits [1, 1, S/2, S/2].

    Args:
        case: with PyTorch's answer.
        previous: the mask of the same shape that the case was asked with; None for none.
    """
    earlier = None if previous is None else previous[0, 0].numpy()
    asked = Wanted.of(prompts_of(case.record, case.letterbox), earlier, case.letterbox)
    return torch.from_numpy(
        cleaned_logits(case.outputs[0][0, :1].numpy(), asked, case.letterbox)[None]
    )


def prompts_of(record: CaseRecord, letterbox: Letterbox) -> Prompts:
    """The prompts of a case, checked against its photo."""
    return check_prompts(
        [(click.x, click.y) for click in record.clicks],
        [click.label for click in record.clicks],
        record.box,
        width=letterbox.width,
        height=letterbox.height,
    )


def calibrate_segmenter(model: nn.Module, folder: Path, size: int) -> Calibration:
    """Calibration of a promptable network alone.

    Args:
        model: in float32; its answers are the previous masks.
        folder: of photos.
        size: side of the square input in pixels.

    Raises:
        DataError, ImageError, WeightsError: as `calibrate` does.
    """
    network = GraphSequence(SEGMENTER, [finite_run(model)])
    asking = partial(SegmenterRecipe().calibration_inputs, network, size)
    return calibrate({SEGMENTER.name: asking}, folder)
