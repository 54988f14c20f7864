"""What Python answers to drawn inputs, for the ports in JavaScript, Swift and Kotlin to repeat."""

import base64
import copy
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from squeezesam import spec
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.looks import DEFAULT_LOOKING, View
from squeezesam.inference.mask_cleanup import DEFAULT_CLEANING
from squeezesam.inference.prompts import check_prompts, encode_prompts, prompt_slots
from squeezesam.inference.saliency_predictor import HEAT_LEVELS, SaliencyPredictor
from squeezesam.inference.saliency_prompt import DEFAULT_SAMPLING
from squeezesam.vectors import looks as look_vectors
from squeezesam.vectors import masks as mask_vectors
from squeezesam.vectors import saliency as click_vectors
from squeezesam_export.bundle.manifest import SCHEMA_VERSION, graphs_of
from squeezesam_export.contract import CONTRACT, PREPROCESSING
from squeezesam_export.kinds import RECIPES

SIZE, DETECTOR_SIZE = 64, 64
CONSTANTS = (
    *("MAP_STRIDE", "SALIENCY_STRIDE", "PIXEL_MEAN", "PIXEL_SCALE", "PAD_BYTE", "DISC_RADIUS"),
    *("POINT_SLOTS", "BOX_SLOTS", "TOKEN_SLOTS", "POSITION_FREQUENCIES", "POSITION_FEATURES"),
    *("TOKEN_KINDS", "TOKEN_FEATURES", "NUM_MASKS", "MASK_THRESHOLD", "FLIPPED_LOGIT"),
    *("OUTSIDE_LOGIT", "EDGE_SHARPNESS"),
)
SPOILED = {
    "clean": "cleaned",
    "logits": "cleaned",
    "heat": "bytes",
    "clicks": "blob_area",
    "view": "view",
    "onto_view": "previous",
    "onto_photo": "placed",
}
"""The field with the answer of each kind of golden case; `spoiled` knows that of `places`."""


def packed(array):
    """An array as base64 of its bytes."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def noise_photo(width, height, seed):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def drawn_photo():
    """Two bright discs, of which the left one stands out, on a dark ground with some noise."""
    y, x = np.mgrid[:90, :140]
    left, right = (((x - cx) / 22) ** 2 + ((y - 45) / 18) ** 2 < 1 for cx in (38, 105))
    level = 20 + 200 * left + 150 * right
    noise = np.random.default_rng(5).integers(-12, 13, (90, 140, 3))
    return (level[..., None] + noise).clip(0, 255).astype(np.uint8)


def constants():
    return {
        **{name: getattr(spec, name) for name in CONSTANTS},
        "HEAT_LEVELS": HEAT_LEVELS,
        "OPEN_AXES": dict(spec.OPEN_POINTS),
        "PointLabel": {label.name: int(label) for label in spec.PointLabel},
        "MapChannel": {channel.name: int(channel) for channel in spec.MapChannel},
        "DEFAULT_CLEANING": dataclasses.asdict(DEFAULT_CLEANING),
        "DEFAULT_LOOKING": dataclasses.asdict(DEFAULT_LOOKING),
        "DEFAULT_SAMPLING": dataclasses.asdict(DEFAULT_SAMPLING),
    }


def letterbox_cases():
    """Photos that shrink, grow, stay as they are, and views of them."""
    for seed, (width, height, view) in enumerate(
        [
            (97, 61, None),
            (61, 97, (10, 20, 40, 30)),
            (20, 13, None),
            (64, 64, None),
            (640, 33, None),
            (1, 1, None),
            (5, 300, None),
            (513, 511, (77, 144, 367, 367)),
        ]
    ):
        photo = noise_photo(width, height, seed)
        part = View(*view) if view else View.whole(width, height)
        image = Letterbox.fit(part.width, part.height, SIZE).apply(part.shown(photo))
        yield {
            "photo": [width, height],
            "pixels": packed(photo),
            "view": dataclasses.asdict(part),
            "size": SIZE,
            "image": packed(image.numpy()),
        }


def prompt_cases():
    """All kinds of prompts, more clicks than slots, and clicks that contradict each other."""
    width, height = 333, 500
    many = [(7 * i % width + 0.25, 31 * i % height) for i in range(20)]
    mask = np.linspace(-6, 6, (SIZE // 2) ** 2, dtype=np.float32).reshape(SIZE // 2, -1)
    for coords, labels, box, before in [
        ([(155, 200)], [1], None, None),
        ([(155, 200), (0, 0), (332, 499)], [1, 0, 1], None, mask),
        ([], [], (10.5, 20.25, 200, 333.5), None),
        ([(5, 5), (9, 9), (5, 5)], [1, 1, 0], (-20, -20, 900, 40), None),
        (many, [i % 2 for i in range(20)], None, mask),
        ([(1, 1), (2, 2)], [-1, 1], (0, 0, 333, 500), None),
    ]:
        prompts = check_prompts(coords, labels, box, width=width, height=height)
        letterbox = Letterbox.fit(width, height, SIZE)
        earlier = None if before is None else torch.from_numpy(before)[None, None]
        slots = prompt_slots(prompts, letterbox.scale)
        maps, tokens = encode_prompts(*slots, earlier, SIZE)
        yield {
            "photo": [width, height],
            "size": SIZE,
            "coords": coords,
            "labels": labels,
            "box": box,
            "mask_input": None if before is None else packed(before),
            "point_coords": packed(slots[0].numpy()),
            "point_labels": packed(slots[1].float().numpy()),
            "prompt_maps": packed(maps.numpy()),
            "prompt_tokens": packed(tokens.numpy()),
        }


def upsampling_cases():
    """Masks that grow to the photo, and masks that shrink to it in one or both directions."""
    side = SIZE // 2
    y, x = np.mgrid[:side, :side]
    smooth = 6 * np.sin(x / 4) + 5 * np.cos(y / 5) + 0.1
    for width, height in [(200, 130), (97, 300), (20, 12), (300, 9), (64, 64)]:
        letterbox = Letterbox.fit(width, height, SIZE)
        logits = smooth.astype(np.float32)[None]
        yield {
            "photo": [width, height],
            "size": SIZE,
            "logits": packed(logits),
            "photo_logits": packed(letterbox.photo_logits(logits)),
            "photo_mask": packed(letterbox.photo_masks(logits)),
            "photo_alpha": packed(letterbox.photo_alphas(logits)),
        }


def stand_in_segmenter(image, prompt_maps, prompt_tokens):
    """Arithmetic in the place of a network; the tests of each port have the same."""
    light = image.mean(dim=1)[:, ::2, ::2]
    positive, negative, box, earlier = prompt_maps.unbind(dim=1)
    logits = 8 * light + 3 * positive - 3 * negative + 2 * box + 3 * earlier - 1
    masks = torch.stack([logits - 0.5 * channel for channel in range(spec.NUM_MASKS)], dim=1)
    ious = prompt_tokens.sum(dim=(1, 2))[:, None] / 100 + torch.arange(spec.NUM_MASKS)
    return masks, ious


def stand_in_detector(image):
    return 12 * image.mean(dim=1, keepdim=True)[:, :, ::4, ::4]


def predictor_answers(predictor, photo):
    """Automatic mask, edits of it, and all kinds of prompts, one after the other."""
    predictor.set_image(photo)
    automatic = predictor.predict(multimask_output=False)
    click = {"point_coords": [[100, 45]], "point_labels": [1]}
    yield "automatic", "predict", {"multimask_output": False}, None, automatic
    asked = {"point_coords": [[30, 45]], "point_labels": [0]}
    edited = predictor.edit(**asked, mask_input=automatic[2])
    yield "edit", "edit", asked, "automatic", edited
    yield "one click", "predict", click, None, predictor.predict(**click)
    single = {**click, "multimask_output": False}
    first = predictor.predict(**single)
    yield "single", "predict", single, None, first
    more = {
        "point_coords": [[100, 45], [5.5, 80]],
        "point_labels": [1, 0],
        "multimask_output": False,
    }
    yield "correction", "predict", more, "single", predictor.predict(**more, mask_input=first[2])
    box = {"box": [80.5, 20, 130, 70.25], "multimask_output": False}
    yield "box", "predict", box, None, predictor.predict(**box)
    all_of_them = {**box, **click}
    yield "box and click", "predict", all_of_them, None, predictor.predict(**all_of_them)


def answers(predictor, photo):
    """`predictor_answers` as JSON holds them."""
    height, width = photo.shape[:2]
    asked = [
        {
            "name": name,
            "method": method,
            "question": question,
            "previous": previous,
            "masks": [packed(mask) for mask in masks],
            "iou_predictions": packed(ious),
            "low_res_masks": [packed(mask) for mask in low_res],
        }
        for name, method, question, previous, (masks, ious, low_res) in predictor_answers(
            predictor, photo
        )
    ]
    finding = predictor.finding
    return {
        "photo": [width, height],
        "pixels": packed(photo),
        "heat": packed(finding.heat),
        "clicks": finding.coords.tolist(),
        "asked": asked,
    }


def manifest(content):
    """A manifest of this version that lists one file of each network, of the given content."""
    digest = hashlib.sha256(content).hexdigest()

    def artifact(file, target="onnx"):
        graph = {"file": file, "sha256": digest, "size_bytes": len(content)}
        return {"target": target, "precision": "fp32", "graphs": [graph]}

    def network(kind, size):
        rules = RECIPES[kind.name].rules
        return {
            "kind": kind.name,
            "variant": "nano",
            "input_size": size,
            "graphs": [dataclasses.asdict(graph) for graph in graphs_of(kind, size)],
            "preprocessing": dataclasses.asdict(PREPROCESSING),
            "rules": None if rules is None else dataclasses.asdict(rules),
            "artifacts": [
                artifact(f"{kind.name}.pte", "executorch"),
                artifact(f"{kind.name}.onnx"),
            ],
        }

    return {
        "schema_version": SCHEMA_VERSION,
        "networks": [network(spec.SEGMENTER, SIZE), network(spec.DETECTOR, DETECTOR_SIZE)],
        "contract": dataclasses.asdict(CONTRACT),
        "vectors": [],
    }


def spoiled(case):
    """A golden case with a wrong answer."""
    wrong = copy.deepcopy(case)
    places = "heat_size" if "heat_pixels" in case else "mask_size"
    name = SPOILED.get(case["kind"], places)
    answer = wrong[name]
    if isinstance(answer, str):
        mask = np.frombuffer(base64.b64decode(answer), np.uint8)
        wrong[name] = packed(np.append(1 - mask[:1], mask[1:]))
    elif isinstance(answer, list):
        answer[0] += 1 if answer[0] != 255 else -1
    else:
        wrong[name] = answer + 1
    return wrong


def write_vectors(directory: Path) -> None:
    """Write every file that the tests of the ports share."""
    golden = {
        "looks": look_vectors.golden_vectors(),
        "mask_cleaning": mask_vectors.golden_vectors(),
        "click_sampling": click_vectors.golden_vectors(),
    }
    predictor = SaliencyPredictor(stand_in_segmenter, stand_in_detector, SIZE, DETECTOR_SIZE)
    files = {
        "constants": constants(),
        "letterbox": list(letterbox_cases()),
        "prompts": list(prompt_cases()),
        "upsampling": list(upsampling_cases()),
        **golden,
        **{f"{name}_wrong": [spoiled(case) for case in cases] for name, cases in golden.items()},
        "answers": answers(predictor, drawn_photo()),
        "manifest": manifest(b"network"),
    }
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content, allow_nan=False))
