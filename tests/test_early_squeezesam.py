"""The early public SqueezeSAM: its checkpoint, its answers, and how it is asked."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from bundles import network_in
from published_efficientsam import NAMES_SHA256, names_sha256, published_early_shapes, random_state
from small_networks import run
from torch import Tensor

from squeezesam.errors import PromptError
from squeezesam.inference.letterbox import EarlyStretched
from squeezesam.inference.load import load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompting import EarlyPrompting
from squeezesam.inference.prompts import check_prompts
from squeezesam.networks.configs import EarlySamConfig
from squeezesam.networks.conversion import convert
from squeezesam.networks.overview import parameters
from squeezesam.networks.weights import load_weights
from squeezesam.spec import EARLY, SEGMENTER

GOLDEN = Path(__file__).parent / "data" / "early_golden.npz"
"""Every eighth mask pixel and the IoUs of the published code at 3477a43, made once for
`random_state` at 256 pixels."""

SIZE = 256
BOX = [25, 51, 179, 205]
ASKED = {
    "click": ([[77, 102]], [1], None),
    "box": (None, None, BOX),
    "box_click": ([[77, 102], [200, 9]], [1, 1], BOX),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("early")
    state: Mapping[str, Tensor] = random_state(published_early_shapes(EarlySamConfig()))
    torch.save({"model": state}, folder / "squeeze_sam.pt")
    assert convert(folder / "squeeze_sam.pt", folder / "early.safetensors") == "early"
    return folder / "early.safetensors"


def photo() -> np.ndarray:
    tiles = np.random.default_rng(1).integers(0, 256, (SIZE // 8, SIZE // 8, 3)).astype(np.uint8)
    return tiles.repeat(8, 0).repeat(8, 1)


def test_all_published_tensors_are_used(weights: Path) -> None:
    shapes = published_early_shapes(EarlySamConfig())
    assert len(shapes) == 377
    assert names_sha256(shapes) == NAMES_SHA256["early"]
    assert parameters(load_weights(weights, SIZE)[1]) == 10_159_260


def test_it_answers_as_the_published_code(weights: Path) -> None:
    network = load(weights, SIZE, kind=SEGMENTER)
    assert network.kind is EARLY
    frame = EarlyStretched.fit(SIZE, SIZE, SIZE)
    image = frame.apply(photo())
    with np.load(GOLDEN) as golden, torch.inference_mode():
        for name, asked in ASKED.items():
            prompts = check_prompts(*asked, width=SIZE, height=SIZE)
            masks, ious = network(*EarlyPrompting().inputs(image, prompts, None, frame))
            wanted = golden[f"{name}_masks"]
            assert np.abs(wanted - masks[0, :, ::8, ::8].numpy()).max() < 1e-4 * wanted.std()
            assert np.abs(golden[f"{name}_ious"] - ious[0].numpy()).max() < 1e-4


def test_the_predictor_asks_it(weights: Path) -> None:
    predictor = SamPredictor(load(weights, SIZE))  # type: ignore[arg-type]
    predictor.set_image(photo()[:100, :60])
    masks, ious, low_res = predictor.predict([[20, 10]], [1])
    assert (masks.shape, ious.shape, low_res.shape) == ((3, 100, 60), (3,), (3, 128, 128))
    assert predictor.predict(box=[5, 5, 50, 80], multimask_output=False)[0].shape == (1, 100, 60)
    with pytest.raises(PromptError, match="without clicks of label 0"):
        predictor.predict([[20, 10]], [0])


def test_prompts_are_drawn_as_published() -> None:
    frame = EarlyStretched.fit(512, 1024, 512)
    prompts = check_prompts([[100, 200]], [1], [10, 20, 30, 60], width=512, height=1024)
    _, drawn = EarlyPrompting().inputs(torch.zeros(1), prompts, None, frame)
    box, discs = drawn[0]
    assert box.nonzero().amin(dim=0).tolist() == [10, 10]
    assert box.nonzero().amax(dim=0).tolist() == [30, 30]
    assert box.sum() == 21 * 21
    assert discs.nonzero().float().mean(dim=0).tolist() == [100, 100]
    assert discs.sum() == 81  # lattice points within a radius of five
    nothing = check_prompts([[1, 1]], [1], None, width=512, height=1024)
    assert EarlyPrompting().inputs(torch.zeros(1), nothing, None, frame)[1][0, 0].all()


@pytest.mark.slow
def test_it_is_exported(weights: Path, tmp_path: Path) -> None:
    words = ("--no-detector", "--weights", weights, "--size", SIZE, "--target", "onnx")
    assert run("export", *words, "--precision", "fp32", "--out", tmp_path / "bundle") == 0
    assert run("verify", tmp_path / "bundle") == 0
    (artifact,) = network_in(tmp_path / "bundle", EARLY).artifacts
    assert artifact.parity.min_mask_iou > 0.999
