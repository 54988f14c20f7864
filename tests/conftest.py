import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_networks import SIZE, random_detector, random_network, run

from squeezesam.data.rle import encode_rle
from squeezesam.weights import save_weights

# The tensors of tests are tiny: a second thread costs more than it gives, and on a busy machine
# every operator would wait for it.
torch.set_num_threads(1)

# A shell that starts tests in the background has them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


OPTIONAL = {
    "slow": "tests that take minutes",
    "arm64": "the test that emulates ARM64, which needs Debian packages",
}
"""Markers of tests that run with the option of that name only."""


def pytest_addoption(parser):
    for marker, tests in OPTIONAL.items():
        parser.addoption(f"--{marker}", action="store_true", help=f"also run {tests}")


def pytest_collection_modifyitems(config, items):
    for marker, tests in OPTIONAL.items():
        if config.getoption(f"--{marker}"):
            continue
        skip = pytest.mark.skip(reason=f"{tests}; run with --{marker}")
        for item in items:
            if item.get_closest_marker(marker):  # not keywords: they name folders as well
                item.add_marker(skip)


def write_scene(folder: Path, name: str, seed: int, kind: str = "whole") -> np.ndarray:
    """A bright ellipse on a dark ground, with its mask, in SA-1B layout."""
    rng = np.random.default_rng(seed)
    height, width = 72, 96
    y, x = np.mgrid[:height, :width]
    cx, cy = rng.uniform(30, 66), rng.uniform(25, 47)
    mask = ((x - cx) / 22) ** 2 + ((y - cy) / 16) ** 2 < 1
    colour = np.where(mask[..., None], (220, 180, 60), (40, 60, 90))
    pixels = (colour + rng.normal(0, 8, colour.shape)).clip(0, 255).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{name}.jpg")
    annotation = {
        "segmentation": {"size": [height, width], "counts": encode_rle(mask).counts},
        "area": int(mask.sum()),
        "kind": kind,
    }
    info = {"file_name": f"{name}.jpg", "width": width, "height": height}
    content = {"image": info, "annotations": [annotation]}
    (folder / f"{name}.json").write_text(json.dumps(content))
    return mask


@pytest.fixture
def scenes(tmp_path):
    """Parent of one training folder with six scenes."""
    for seed in range(6):
        write_scene(tmp_path / "data" / "shapes", f"scene{seed}", seed)
    return tmp_path / "data"


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Random weights of `nano`, of the first seeds those whose masks hang least on rounding."""
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    save_weights(random_network(4), path, "nano", torch.float32)
    return path


@pytest.fixture(scope="session")
def detector_weights(tmp_path_factory):
    """Random weights of the detector that find something in every shipped photo."""
    path = tmp_path_factory.mktemp("weights") / "saliency.safetensors"
    save_weights(random_detector(0), path, "saliency", torch.float32)
    return path


@pytest.fixture(scope="session")
def exported(weights, tmp_path_factory):
    """An export of three targets in the default precisions; tests that alter it use a copy."""
    out = tmp_path_factory.mktemp("export") / "artifacts"
    assert run("export", "--no-detector", "--weights", weights, "--size", SIZE, "--out", out) == 0
    return out
