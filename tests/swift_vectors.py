"""What Python answers, in files for the tests of the Swift kit."""

import json
from pathlib import Path

import numpy as np
from web_vectors import write_vectors

from squeezesam_export.bundle.artifacts import hashes_of, sha256_of
from squeezesam_export.quantization.schemes import SCHEMES


def write_swift_vectors(folder: Path) -> None:
    """Write every file that the kit's tests read, but for those of a real network."""
    write_vectors(folder)
    asked = ("min_mask_iou", "mean_mask_iou", "max_iou_error", "max_click_distance")
    bounds = {
        name: {field: getattr(scheme, field) for field in asked} for name, scheme in SCHEMES.items()
    }
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
