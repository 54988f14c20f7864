"""Golden vectors of whole answers, from a photo to its masks, for ports to other languages.

Every step of a predictor is in them: both looks, clean masks, corrections, and what stands out
without a click. Arithmetic that any language repeats is in the place of the networks, so that the
answers depend on no weights.

`golden_vectors` gives a list of cases that JSON holds as they are. Maps are rows from the top.

Kind `answers`, of one photo:
    photo: width and height.
    pixels: its RGB bytes row by row, in base64.
    input_size: side of the square input of both stand-ins.
    heat: bytes of the heat map that lie on the photo, in base64.
    clicks: [x, y] in photo pixels of what stands out.
    asked: one after the other:
        name: of the question.
        method: `predict`, or `edit` of the automatic mask.
        point_coords, point_labels, box: as in `squeezesam.inference.predictor`; null without any.
        previous: name of an earlier question, whose mask 0 is the mask so far; null without one.
        multimask_output: whether all masks are wanted.
        masks: each mask of the photo as bits, eight in a byte and the first one highest, in base64.
        iou_predictions: of each mask.
        low_res_masks: logits of each mask, row by row.
    tolerance: by how much `iou_predictions` and `low_res_masks` may be off.

The stand-ins, with S the size of the input and `light` the mean of its three channels:
    segmenter: at every second pixel, mask c has the logit 8 * light + 3 * maps[0] - 3 * maps[1]
        + 2 * maps[2] + 3 * maps[3] - 1 - c / 2, with maps the four of `prompt_maps`; its predicted
        IoU is c + the sum of `prompt_tokens` / 100.
    detector: at every fourth pixel, the logit is 12 * light.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.spec import MAP_STRIDE, NUM_MASKS, SALIENCY_STRIDE
from squeezesam.vectors.masks import Case
from squeezesam.vectors.photos import numbers, packed
from squeezesam.vectors.saliency import noise

SIZE = 64
PHOTO = (110, 72)
GRAIN_SEED = 89
"""Of a photo in whose answers no logit of a photo pixel is near the threshold."""

DIGITS = 4
TOLERANCE = {"iou_predictions": 1e-4, "low_res_masks": 1e-3}


def golden_vectors() -> list[Case]:
    """All cases; see the module."""
    predictor = SaliencyPredictor(stand_in_segmenter, stand_in_detector, SIZE, SIZE)
    return [{**answers_case("two discs", predictor, drawn_photo()), "input_size": SIZE}]


def stand_in_segmenter(
    image: Tensor, prompt_maps: Tensor, prompt_tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """Arithmetic in the place of a segmenter, with its inputs and outputs."""
    light = image.mean(dim=1)[:, ::MAP_STRIDE, ::MAP_STRIDE]
    positive, negative, box, earlier = prompt_maps.unbind(dim=1)
    logits = 8 * light + 3 * positive - 3 * negative + 2 * box + 3 * earlier - 1
    masks = torch.stack([logits - 0.5 * channel for channel in range(NUM_MASKS)], dim=1)
    ious = prompt_tokens.sum(dim=(1, 2))[:, None] / 100 + torch.arange(NUM_MASKS)
    return masks, ious


def stand_in_detector(image: Tensor) -> Tensor:
    """Arithmetic in the place of a detector: [1, 3, S, S] -> [1, 1, S/4, S/4]."""
    return 12 * image.mean(dim=1, keepdim=True)[:, :, ::SALIENCY_STRIDE, ::SALIENCY_STRIDE]


def drawn_photo() -> NDArray[np.uint8]:
    """Two bright discs, of which the left one stands out, on a dark ground with some noise."""
    width, height = PHOTO
    y, x = np.mgrid[:height, :width]
    left, right = (((x - cx) / 18) ** 2 + ((y - 36) / 15) ** 2 < 1 for cx in (30, 82))
    level = 20 + 200 * left + 150 * right
    grain = noise(3 * width, height, GRAIN_SEED).reshape(height, width, 3) // 16
    return (level[..., None] + grain).clip(0, 255).astype(np.uint8)


def questions() -> Iterator[dict[str, Any]]:
    """The automatic mask, edits of it, and all kinds of prompts, one after the other."""
    click = {"point_coords": [[82, 36]], "point_labels": [1]}
    box = {"box": [62.5, 16, 104, 56.25]}
    away = {"point_coords": [[24, 36]], "point_labels": [0]}
    more = {"point_coords": [[82, 36], [5.5, 62]], "point_labels": [1, 0]}
    yield {"name": "automatic"}
    yield {"name": "edit", "method": "edit", "previous": "automatic", **away}
    yield {"name": "one click", "multimask_output": True, **click}
    yield {"name": "single", **click}
    yield {"name": "correction", "previous": "single", **more}
    yield {"name": "box", **box}
    yield {"name": "box and click", **box, **click}


BLANK: dict[str, Any] = {
    "method": "predict",
    "point_coords": None,
    "point_labels": None,
    "box": None,
    "previous": None,
    "multimask_output": False,
}


def answers_case(name: str, predictor: SaliencyPredictor, photo: NDArray[np.uint8]) -> Case:
    """What a predictor answers to all questions about a photo [H, W, 3].

    Args:
        name: of the case.
        predictor: with any networks.
        photo: RGB bytes.
    """
    predictor.set_image(photo)
    asked: list[Case] = []
    low_res: dict[str, NDArray[np.float32]] = {}
    for given in questions():
        question = BLANK | given
        prompts = {key: question[key] for key in ("point_coords", "point_labels")}
        prompts["multimask_output"] = question["multimask_output"]
        if question["method"] == "predict":
            prompts["box"] = question["box"]
        if question["previous"] is not None:
            prompts["mask_input"] = low_res[question["previous"]]
        masks, ious, logits = getattr(predictor, question["method"])(**prompts)
        low_res[question["name"]] = logits[:1]
        asked.append(
            {
                **question,
                "masks": [packed(np.packbits(mask)) for mask in masks],
                "iou_predictions": numbers(ious, DIGITS + 2),
                "low_res_masks": [numbers(one, DIGITS) for one in logits],
            }
        )
    return {
        "kind": "answers",
        "name": name,
        "photo": [photo.shape[1], photo.shape[0]],
        "pixels": packed(photo),
        "heat": packed(predictor.finding.heat),
        "clicks": predictor.finding.coords.tolist(),
        "asked": asked,
        "tolerance": TOLERANCE,
    }
