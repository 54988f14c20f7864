"""Golden inputs: prompts on the shipped photos, with PyTorch's answers in float32.

They check artifacts here and, read from the same files, the apps' own code on a phone.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from squeezesam.examples import EXAMPLES, Example
from squeezesam.image_io import read_photo
from squeezesam.mask_cleanup import Asked, cleaned_logits
from squeezesam.prompts import Prompts, check_prompts, encode_prompts, prompt_slots
from squeezesam.runtimes import DetectorCallable, NetworkCallable
from squeezesam.spec import (
    IMAGE,
    IOU_PREDICTIONS,
    LOW_RES_MASKS,
    MASK_THRESHOLD,
    PROMPT_MAPS,
    PROMPT_TOKENS,
    SALIENCY_LOGITS,
    PointLabel,
)
from squeezesam.transforms import Letterbox
from squeezesam_export.artifacts import sha256_of
from squeezesam_export.finite import finite_only
from squeezesam_export.manifest import Click, GoldenCase, GoldenFile
from squeezesam_export.salient_golden import Detected, detect, image_bytes

FOLDER = "golden"
BOX_MARGIN = (50, 80)
"""Photo pixels, across and down, by which the golden box exceeds the clicks on the object."""


@dataclass(frozen=True)
class Answered:
    """One golden case: inputs and PyTorch's outputs, as in squeezesam.spec."""

    name: str
    inputs: tuple[Tensor, Tensor, Tensor]
    low_res_masks: Tensor
    iou_predictions: Tensor

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """In the order of the kind."""
        return self.low_res_masks, self.iou_predictions

    def masks(self, logits: Tensor) -> Tensor:
        """Which pixels an answer [B, M, H, W] has in each mask."""
        return logits > MASK_THRESHOLD

    def answered(self, outputs: Sequence[Tensor]) -> Self:
        """The same case with another network's answers."""
        low_res_masks, iou_predictions = outputs
        return dataclasses.replace(
            self, low_res_masks=low_res_masks, iou_predictions=iou_predictions
        )


GoldenAnswer = Answered | Detected


def cases_of(example: Example) -> tuple[GoldenCase, ...]:
    """One click, three clicks, a box, and a correction of the first answer."""
    garment = Click(*example.garment, PointLabel.POSITIVE)
    legs = Click(*example.legs, PointLabel.POSITIVE)
    background = Click(*example.background, PointLabel.NEGATIVE)
    across, down = BOX_MARGIN
    box = (
        min(garment.x, legs.x) - across,
        min(garment.y, legs.y) - down,
        max(garment.x, legs.x) + across,
        max(garment.y, legs.y) + down,
    )
    return (
        GoldenCase("one click", (garment,), None, None),
        GoldenCase("three clicks", (garment, legs, background), None, None),
        GoldenCase("box", (), box, None),
        GoldenCase("correction", (garment, legs), None, "one click"),
    )


def write_golden(
    model: NetworkCallable,
    detector: DetectorCallable | None,
    size: int,
    detector_size: int,
    directory: Path,
) -> tuple[GoldenFile, ...]:
    """Answer the cases of all shipped photos and write them below `directory`.

    Args:
        model: in float32.
        detector: likewise; what it finds is one more case of each photo.
        size: side of the square input of the model in pixels.
        detector_size: side of the detector's.
        directory: of the export.

    Raises:
        WeightsError: an answer is NaN or infinity.
    """
    (directory / FOLDER).mkdir()
    checked = finite_only(model)
    files = []
    for example in EXAMPLES:
        photo = read_photo(example.path)
        height, width = photo.shape[:2]
        letterbox = Letterbox.fit(width, height, size)
        image = letterbox.apply(photo)
        cases = cases_of(example)
        previous: dict[str | None, Tensor] = {}
        detected = None
        if detector is not None:
            frame = Letterbox.fit(width, height, detector_size)
            detected = detect(detector, example.path.name, frame.apply(photo), frame)
            cases += detected.cases()
            previous[SALIENCY_LOGITS] = detected.mask_input(detected.saliency_logits, letterbox)
        answered: dict[str, Answered] = {}
        for case in cases:
            before = previous.get(case.previous)
            maps_and_tokens = encode_case(case, letterbox, before)
            with torch.inference_mode():
                answered[case.name] = Answered(
                    case.name,
                    (image, *maps_and_tokens),
                    *checked(image, *maps_and_tokens),
                )
            mask_0 = answered[case.name].low_res_masks[:, :1]
            previous[case.name] = cleaned_mask(case, letterbox, before, mask_0)
        relative = f"{FOLDER}/{example.path.stem}.npz"
        more = {} if detected is None else detected.arrays()
        write_answers(list(answered.values()), more, directory / relative)
        files.append(
            GoldenFile(
                file=relative,
                sha256=sha256_of(directory / relative),
                photo=example.path.name,
                width=width,
                height=height,
                cases=cases,
                salient=None if detected is None else detected.record(),
            )
        )
    return tuple(files)


def encode_case(
    case: GoldenCase, letterbox: Letterbox, previous: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Prompt maps and tokens, by the same code as the predictor's."""
    coords, labels = prompt_slots(prompts_of(case, letterbox), letterbox.scale)
    return encode_prompts(coords, labels, previous, letterbox.size)


def cleaned_mask(
    case: GoldenCase, letterbox: Letterbox, previous: Tensor | None, mask: Tensor
) -> Tensor:
    """The answer to a case as the predictor cleans it: logits [1, 1, S/2, S/2], as all masks."""
    earlier = None if previous is None else previous[0, 0].numpy()
    asked = Asked.of(prompts_of(case, letterbox), earlier, letterbox)
    return torch.from_numpy(cleaned_logits(mask[0].numpy(), asked, letterbox))[None]


def prompts_of(case: GoldenCase, letterbox: Letterbox) -> Prompts:
    """Those of a case, checked against its photo."""
    return check_prompts(
        [(click.x, click.y) for click in case.clicks],
        [click.label for click in case.clicks],
        case.box,
        width=letterbox.width,
        height=letterbox.height,
    )


def write_answers(answers: list[Answered], more: Mapping[str, Any], path: Path) -> None:
    """Write the cases of one photo, one row a case, and more arrays beside them."""
    image, _, _ = answers[0].inputs
    arrays: dict[str, Any] = {
        IMAGE: image_bytes(image),
        PROMPT_MAPS: torch.cat([answer.inputs[1] for answer in answers]),
        PROMPT_TOKENS: torch.cat([answer.inputs[2] for answer in answers]),
        LOW_RES_MASKS: torch.cat([answer.low_res_masks for answer in answers]),
        IOU_PREDICTIONS: torch.cat([answer.iou_predictions for answer in answers]),
    }
    np.savez_compressed(path, **arrays, **more)
