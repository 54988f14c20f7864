"""The golden vectors of photos, prompts and whole answers, which the ports are held to.

`test_web_module.py`, `test_swift_kit.py` and `test_android_library.py` do that.
"""

import base64
import copy
import json
from typing import Any

import numpy as np
import pytest

from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.vectors import answers, photos, prompts
from squeezesam_export.bundle.golden import agree, vectors_for

MODULES = (answers, photos, prompts)
MOST_BYTES = 300_000
MARGIN = 5e-3
"""How far logits are from the threshold, so that no machine puts a pixel on the other side."""


def cases_of(*kinds: str) -> list[dict[str, Any]]:
    every = [case for module in MODULES for case in module.golden_vectors()]
    return [case for case in every if case["kind"] in kinds]


def test_every_bundle_has_them_and_they_are_small() -> None:
    files = vectors_for([])
    assert {"answers.json", "photos.json", "prompts.json"} <= files.keys()
    cases = cases_of("answers", "letterbox", "upsampling", "prompts")
    assert len({(case["kind"], case["name"]) for case in cases}) == len(cases) >= 20
    assert len(json.dumps(cases, separators=(",", ":"))) < MOST_BYTES


def test_photos_and_views_shrink_grow_and_are_odd() -> None:
    shown = [(case["view"][2:], case["input_size"]) for case in cases_of("letterbox")]
    longest = [max(sides) - size for sides, size in shown]
    assert min(longest) < 0 < max(longest)
    assert 0 in longest
    assert sum(sides[0] % 2 + sides[1] % 2 for sides, _ in shown) >= 8
    assert any(case["view"][2:] != case["photo"] for case in cases_of("letterbox"))


def test_no_logit_is_so_near_the_threshold_that_a_machine_decides() -> None:
    for case in cases_of("upsampling"):
        logits = np.array(case["photo_logits"])
        assert np.abs(logits).min() > MARGIN, case["name"]
        mask = np.frombuffer(base64.b64decode(case["photo_mask"]), np.uint8)
        assert np.array_equal(mask == 1, logits > 0)


def test_the_masks_of_whole_answers_are_as_far_from_it() -> None:
    predictor = SaliencyPredictor(
        answers.stand_in_segmenter, answers.stand_in_detector, answers.SIZE, answers.SIZE
    )
    predictor.set_image(answers.drawn_photo())
    low_res: dict[str, Any] = {}
    for question in answers.questions():
        given = {
            name: value
            for name, value in (answers.BLANK | question).items()
            if name not in ("name", "method", "previous") and value is not None
        }
        if previous := question.get("previous"):
            given["mask_input"] = low_res[previous]
        ask = getattr(predictor, question.get("method", "predict"))
        logits, _, low_res[question["name"]] = ask(**given, return_logits=True)
        low_res[question["name"]] = low_res[question["name"]][:1]
        assert np.abs(logits).min() > MARGIN, question["name"]


def test_whole_answers_ask_for_everything_and_look_closer() -> None:
    (case,) = cases_of("answers")
    asked = {one["name"]: one for one in case["asked"]}
    assert {one["method"] for one in asked.values()} == {"predict", "edit"}
    assert {len(one["masks"]) for one in asked.values()} == {1, 3}
    assert any(one["previous"] for one in asked.values())
    assert any(one["box"] for one in asked.values())
    assert len(case["clicks"]) == 5
    width, height = case["photo"]
    areas = {}
    for name, one in asked.items():
        bits = np.unpackbits(np.frombuffer(base64.b64decode(one["masks"][0]), np.uint8))
        areas[name] = int(bits[: width * height].sum())
    assert len(set(areas.values())) >= 4, "what is asked makes a difference"
    assert min(areas.values()) > 100
    outside = [-8.0 in one["low_res_masks"][0] for one in asked.values()]
    assert any(outside), "what a view does not show is outside"


SPOILED = {
    "image": lambda text: text[:-5] + ("A" if text[-5] != "A" else "B") + text[-4:],
    "photo_alpha": lambda levels: [levels[0] + 2, *levels[1:]],
    "photo_logits": lambda logits: [*logits[:-1], logits[-1] + 2e-4],
    "prompt_maps": lambda values: values[:-1],
    "prompt_tokens": lambda values: [*values[:-1], None],
    "labels": lambda labels: [*labels, 1],
    "clicks": lambda clicks: clicks[::-1],
    "tolerance": lambda tolerance: dict.fromkeys(tolerance, 9),
}


@pytest.mark.parametrize("name", SPOILED)
def test_other_answers_are_found(name: str) -> None:
    known = cases_of("answers", "letterbox", "upsampling", "prompts")
    spoiled = copy.deepcopy(known)
    case = next(one for one in spoiled if name in one)
    case[name] = SPOILED[name](case[name])
    assert agree(copy.deepcopy(known), known)
    assert not agree(spoiled, known)


def test_what_another_machine_rounds_otherwise_is_the_same() -> None:
    known = cases_of("answers", "upsampling", "prompts")
    other = copy.deepcopy(known)
    for case in other:
        if case["kind"] == "upsampling":
            case["photo_alpha"] = [level ^ 1 for level in case["photo_alpha"]]
            case["photo_logits"] = [logit + 9e-5 for logit in case["photo_logits"]]
        if case["kind"] == "answers":
            ious = case["asked"][0]["iou_predictions"]
            case["asked"][0]["iou_predictions"] = [iou - 9e-5 for iou in ious]
    assert agree(other, known)
    assert not agree([*other, other[0]], known)
