"""What Python answers, in files for the tests of the Swift kit."""

import json
from pathlib import Path

import numpy as np
import torch
from web_vectors import write_vectors

from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.saliency_predictor import find
from squeezesam.inference.saliency_prompt import DEFAULT_SAMPLING
from squeezesam.spec import IMAGE, PIXEL_MEAN, PIXEL_SCALE, SALIENCY_LOGITS
from squeezesam.vectors.answers import SIZE, drawn_photo, stand_in_detector
from squeezesam_export.bundle.artifacts import hashes_of, sha256_of


def write_swift_vectors(folder: Path) -> None:
    """Write every file that the kit's tests read, but for those of a real network."""
    write_vectors(folder)
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
    write_golden_files(folder)


def write_golden_files(folder: Path) -> None:
    """Write a golden file of the stand-in detector, and others that a stranger may have altered."""
    photo = drawn_photo()
    letterbox = Letterbox.fit(photo.shape[1], photo.shape[0], SIZE)
    image = letterbox.apply(photo)
    logits = stand_in_detector(image)
    finding = find(logits, letterbox, DEFAULT_SAMPLING)
    assert finding.salient is not None
    arrays = {
        IMAGE: (image / PIXEL_SCALE + PIXEL_MEAN).round().to(torch.uint8).numpy(),
        SALIENCY_LOGITS: logits.numpy(),
        "heat": finding.heat,
        "heat_clicks": np.array(finding.salient.clicks, np.int64),
    }
    files = {
        "good": {},
        "bright": {IMAGE: np.full(image.shape, 1e9, np.float32)},
        "nan": {IMAGE: np.full(image.shape, np.nan, np.float32)},
        "small": {SALIENCY_LOGITS: logits.numpy()[..., 1:]},
        "hot": {"heat": 255 - finding.heat},
        "far": {"heat_clicks": np.full((5, 2), 1 << 62, np.int64)},
    }
    hashes = {}
    for name, changes in files.items():
        path = folder / f"golden_{name}.npz"
        np.savez_compressed(path, **{**arrays, **changes})
        hashes[name] = sha256_of(path)
    (folder / "golden_files.json").write_text(json.dumps(hashes))
