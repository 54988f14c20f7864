import json
import math
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import stand_in_sam
import torch
from PIL import Image
from sharing import Shared
from small_networks import SIZE, TINY, TINY_CONFIG, random_detector, random_network
from toolchain import CACHE, toolchain

from squeezesam.data.encoded_masks import encode_rle
from squeezesam.errors import MissingDependencyError
from squeezesam.networks.configs import VARIANTS
from squeezesam.networks.weights import save_weights
from squeezesam_benchmarks.subjects import listed_subjects

# The tensors of tests are tiny: a second thread costs more than it gives, and on a busy machine
# every operator would wait for it.
torch.set_num_threads(1)

# A shell that starts tests in the background has them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


TIERS = {
    "slow": "tests that take five seconds or more",
    "long": "tests that take minutes",
    "arm64": "tests that emulate ARM64",
    "android": "tests that talk to a stand-in for a phone over adb",
    "web": "tests that run JavaScript",
    "swift": "tests that parse or build Swift",
    "fuzz": "tests that damage files and kill commands at random",
}
"""Markers of tests that run with the option of that name only. A test with two needs both."""

LONGEST = (
    "test_export.py",
    "test_export_detector.py",
    "test_quantization.py",
    "test_peers.py",
    "test_coreml_faults.py",
)
"""Files of tests that take longest."""

STARTED = time.monotonic()


def pytest_addoption(parser):
    for tier, tests in TIERS.items():
        parser.addoption(f"--{tier}", action="store_true", help=f"also run {tests}")
    parser.addoption(
        "--rounds", type=int, default=1, help="how many seeds the tests of --fuzz draw (default 1)"
    )
    parser.addoption(
        "--made",
        type=Path,
        help="a folder for exports and builds that several runs share (default: new)",
    )
    parser.addoption(
        "--minutes",
        type=float,
        default=math.inf,
        help="start no test of the options above later than this (default: no limit)",
    )


def pytest_collection_modifyitems(config, items):
    for tier, tests in TIERS.items():
        if config.getoption(f"--{tier}"):
            continue
        skip = pytest.mark.skip(reason=f"{tests}; run with --{tier}")
        for item in items:
            if item.get_closest_marker(tier):  # not keywords: they name folders as well
                item.add_marker(skip)
    users = {item.path for item in items if "exported" in item.fixturenames}
    items.sort(key=lambda item: turn(item.path, item.path in users))


def turn(path, waits_for_export):
    """When a file of tests begins, among those that are spread over processes.

    The longest ones begin first, so that no process is left with one at the end. The first of them
    makes the fixture `exported`, so that those that would wait for it come last.
    """
    if path.name in LONGEST:
        return LONGEST.index(path.name)
    return len(LONGEST) + waits_for_export


def pytest_runtest_setup(item):
    minutes = item.config.getoption("--minutes")
    marked = any(item.get_closest_marker(tier) for tier in TIERS)
    if marked and time.monotonic() - STARTED > 60 * minutes:
        pytest.skip(f"a test of a tier; the {minutes:g} of --minutes were over")


def pytest_generate_tests(metafunc):
    if "fuzz_seed" in metafunc.fixturenames:
        metafunc.parametrize("fuzz_seed", range(metafunc.config.getoption("--rounds")))


@pytest.fixture(scope="session")
def rounds(pytestconfig):
    """How many times as much as usual a test of --fuzz should try."""
    return pytestconfig.getoption("--rounds")


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
def shared(tmp_path_factory, pytestconfig):
    """What is made once in a run, whichever process asks for it."""
    folder = tmp_path_factory.getbasetemp()
    is_one_of_many = "PYTEST_XDIST_WORKER" in os.environ
    of_this_run = (folder.parent if is_one_of_many else folder) / "shared"
    return Shared(pytestconfig.getoption("--made") or of_this_run)


@pytest.fixture(scope="session")
def weights(shared):
    """Random weights of `nano`, of the first seeds those whose masks hang least on rounding."""

    def make(folder):
        save_weights(random_network(4), folder / "nano.safetensors", "nano", torch.float32)

    return shared.made(make, "weights of nano") / "nano.safetensors"


@pytest.fixture(scope="session")
def detector_weights(shared):
    """Random weights of the detector that find something in every shipped photo."""

    def make(folder):
        path = folder / "saliency.safetensors"
        save_weights(random_detector(0), path, "saliency", torch.float32)

    return shared.made(make, "weights of the detector") / "saliency.safetensors"


@pytest.fixture(scope="module")
def tiny_efficientsam():
    """The configuration of a variant by the name of TINY."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(VARIANTS, TINY, TINY_CONFIG)
        yield TINY_CONFIG


@pytest.fixture(scope="session")
def exported(weights, shared):
    """An export of three targets in the default precisions; tests that alter it use a copy."""
    return shared.export("--no-detector", "--weights", weights, "--size", SIZE)


@pytest.fixture(scope="session")
def subjects(exported):
    """Its artifacts in float32 of the two runtimes that are timed here, by suffix."""
    timed = [one for one in listed_subjects(exported) if one.artifact.precision == "fp32"]
    return {one.path.suffix: one for one in timed if one.target in ("onnx", "executorch")}


@pytest.fixture(scope="session")
def stand_ins(shared):
    """The folder of the stand-ins for the SAM family, NAME.encoder.onnx and NAME.decoder.onnx."""
    return shared.made(stand_in_sam.write_all, "stand-ins")


@pytest.fixture(scope="session")
def teacher(stand_ins):
    """The pair of a SAM as `--teacher` takes it."""
    return f"{stand_ins / 'sam.encoder.onnx'},{stand_ins / 'sam.decoder.onnx'}"


@pytest.fixture(scope="session")
def tools():
    """The pinned tools that build the Android app."""
    if not any(CACHE.glob("android-tools-*")):
        pytest.skip("the Android tools are not there: fetch them with android_demo/toolchain.py")
    try:
        return toolchain()
    except MissingDependencyError as error:
        pytest.skip(str(error))
