"""What Python answers, in files for the tests of the Swift kit."""

import base64
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
from web_vectors import packed, write_vectors

from squeezesam_export.bundle.artifacts import hashes_of, sha256_of
from squeezesam_export.quantization.schemes import SCHEMES

SPOILED = {
    "clean": "cleaned",
    "logits": "cleaned",
    "heat": "bytes",
    "clicks": "blob_area",
    "view": "view",
    "onto_view": "previous",
    "onto_photo": "placed",
}
"""The answer of each kind of golden vector; of `places` see `spoiled`."""


def spoiled(case: dict[str, Any]) -> dict[str, Any]:
    """The case with a wrong answer."""
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


def write_swift_vectors(folder: Path) -> None:
    """Write every file that the kit's tests read, but for those of a real network."""
    write_vectors(folder)
    for name in ("mask_cleaning", "click_sampling", "looks"):
        cases = json.loads((folder / f"{name}.json").read_text())
        (folder / f"{name}_wrong.json").write_text(json.dumps([spoiled(one) for one in cases]))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "vectors": []}))
    bounds = {name: scheme.min_mask_iou for name, scheme in SCHEMES.items()}
    (folder / "schemes.json").write_text(json.dumps(bounds))
    ramp = np.arange(5000) % 97
    arrays = {
        "floats": (ramp / 4).astype(np.float32).reshape(5, 1000),
        "bytes": ramp.astype(np.uint8),
        "longs": -ramp.astype(np.int64),
        "noise": np.random.default_rng(0).normal(size=3000).astype(np.float32),
        "empty": np.zeros((0, 2), np.int64),
    }
    np.savez_compressed(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    np.savez(folder / "stored.npz", floats=arrays["floats"])
    package = folder / "net.mlpackage"
    for name in ("Manifest.json", "Data/net.mlmodel", "Data/weights/weight.bin", "Data/a.b_c"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    listed = {"sha256": sha256_of(package), "files": hashes_of(package)}
    (folder / "package.json").write_text(json.dumps(listed))
