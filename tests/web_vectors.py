"""What Python answers to drawn inputs, for the ports in JavaScript, Swift and Kotlin to repeat."""

import base64
import copy
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np

from squeezesam import spec
from squeezesam.inference.looks import DEFAULT_LOOKING
from squeezesam.inference.mask_cleanup import DEFAULT_CLEANING
from squeezesam.inference.saliency_predictor import HEAT_LEVELS
from squeezesam.inference.saliency_prompt import DEFAULT_SAMPLING
from squeezesam.vectors.answers import SIZE
from squeezesam_export.bundle import golden
from squeezesam_export.bundle.artifacts import GOLDEN
from squeezesam_export.bundle.manifest import SCHEMA_VERSION, graphs_of
from squeezesam_export.contract import CONTRACT, PREPROCESSING
from squeezesam_export.kinds import RECIPES
from squeezesam_export.quantization.schemes import SCHEMES

CONSTANTS = (
    *("MAP_STRIDE", "SALIENCY_STRIDE", "PIXEL_MEAN", "PIXEL_SCALE", "PAD_BYTE", "DISC_RADIUS"),
    *("POINT_SLOTS", "BOX_SLOTS", "TOKEN_SLOTS", "POSITION_FREQUENCIES", "POSITION_FEATURES"),
    *("TOKEN_KINDS", "TOKEN_FEATURES", "NUM_MASKS", "MASK_THRESHOLD", "FLIPPED_LOGIT"),
    *("OUTSIDE_LOGIT", "EDGE_SHARPNESS"),
)
SPOILED = {
    "clean": ["cleaned"],
    "logits": ["cleaned"],
    "heat": ["bytes"],
    "clicks": ["blob_area"],
    "places": ["heat_size", "mask_size"],
    "view": ["view"],
    "onto_view": ["previous"],
    "onto_photo": ["placed"],
    "letterbox": ["image"],
    "upsampling": ["photo_logits", "photo_mask", "photo_alpha"],
    "prompts": ["prompt_maps", "prompt_tokens"],
    "answers": ["heat", "clicks"],
}
"""The answers of each kind of golden case, but for those of `asked`."""


def packed(array):
    """An array as base64 of its bytes."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


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
        "networks": [network(spec.SEGMENTER, SIZE), network(spec.DETECTOR, SIZE)],
        "contract": dataclasses.asdict(CONTRACT),
        "bounds": {"fp32": dataclasses.asdict(SCHEMES["fp32"].bounds)},
        "vectors": [],
    }


def altered(answer):
    """An answer with another first byte or number."""
    if isinstance(answer, str):
        given = np.frombuffer(base64.b64decode(answer), np.uint8)
        return packed(np.append(1 - given[:1], given[1:]))
    if isinstance(answer, list):
        return [altered(answer[0]), *answer[1:]]
    return answer + (2 if answer < 254 else -2)


def spoiled(case):
    """Copies of a golden case, each with another wrong answer."""
    for name in SPOILED[case["kind"]]:
        if name in case:
            yield {**case, name: altered(case[name])}
    for number, one in enumerate(case.get("asked", [])):
        for name in ("masks", "iou_predictions", "low_res_masks"):
            wrong = copy.deepcopy(case)
            wrong["asked"][number][name] = altered(one[name])
            yield wrong


def write_vectors(directory: Path) -> None:
    """Write every file that the tests of the ports share; the exporter writes those in `golden`."""
    recipes = [RECIPES[spec.SEGMENTER.name], RECIPES[spec.DETECTOR.name]]
    (directory / GOLDEN).mkdir()
    files = {"constants": constants(), "manifest": manifest(b"network")}
    for file in golden.write_vectors(recipes, directory):
        path = directory / file.file
        cases = json.loads(path.read_text())
        files[f"{path.stem}_wrong"] = [wrong for case in cases for wrong in spoiled(case)]
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content, allow_nan=False))
