"""Segment Anything, MobileSAM and EdgeSAM: checkpoints, answers, and how they are asked."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from published_efficientsam import Shapes, random_state
from safetensors import safe_open
from small_networks import run
from torch import Tensor

from squeezesam.errors import WeightsError
from squeezesam.inference.letterbox import MeanPadded
from squeezesam.inference.load import in_graphs, load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompting import SamPrompting
from squeezesam.inference.prompts import check_prompts
from squeezesam.networks import conversion
from squeezesam.networks.building import build_network, folded, written_out
from squeezesam.networks.configs import VARIANTS, SamConfig, WindowedVitConfig, variant_config
from squeezesam.networks.efficientsam import IMAGENET_MEAN, IMAGENET_STD
from squeezesam.networks.overview import parameters, unallocated
from squeezesam.networks.published_names import PUBLISHED
from squeezesam.networks.sam import Sam
from squeezesam.networks.weights import load_weights, save_weights

DATA = Path(__file__).parent / "data"
NAMES = DATA / "sam_names.txt.gz"
"""Lines VARIANT NAME SHAPE of the state dicts of the published code, in their order:
facebookresearch/segment-anything, ChaoningZhang/MobileSAM and chongzhou96/EdgeSAM."""

GOLDEN = DATA / "sam_golden.npz"
"""Masks and IoUs of the same code for `random_state` at 128 pixels, made once in float64."""

SIZE, HEIGHT = 128, 96
SMALL = "small"
SMALL_CONFIG = SamConfig(WindowedVitConfig(64, depth=3, heads=2, whole=(1,), window=3, grid=8))
"""Layers of Segment Anything in a vision transformer with windows that do not divide its grid."""

PARAMETERS = {
    "sam_vit_b": 93_735_472,
    "sam_vit_l": 312_342_832,
    "sam_vit_h": 641_090_608,
    "mobile_sam": 10_130_092,
    "edge_sam": 9_582_112,
}
"""Of the published code."""

CLASSIFIER = 2 * 320 + 1000 * 320 + 1000
"""Parameters of MobileSAM's checkpoint that no click runs."""

ASKED = {
    "clicks": ([[5, 7], [77, 77], [115, 3]], [1, 0, 1], None),
    "box": ([[20, 30]], [0], [13, 26, 90, 77]),
    "mask": ([[20, 30]], [1], None),
}


def published_shapes(variant: str) -> Shapes:
    lines = gzip.decompress(NAMES.read_bytes()).decode().splitlines()
    split = [line.split(" ") for line in lines]
    return {
        name: tuple(int(side) for side in shape.split(",") if side)
        for of, name, shape in split
        if of == variant
    }


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VARIANTS, SMALL, SMALL_CONFIG)
    monkeypatch.setitem(PUBLISHED, SMALL, PUBLISHED["sam_vit_b"])


def network_of(state: Mapping[str, Tensor], variant: str) -> Sam:
    fit = conversion.fit_of(variant, state)
    assert not fit.troubles
    network = build_network(variant_config(variant), SIZE)
    assert isinstance(network, Sam)
    network.load_state_dict(
        {
            name: conversion.joined(state, fit.pieces[name]).reshape(shape)
            for name, shape in fit.ours.items()
        }
    )
    return network.eval()


@pytest.mark.parametrize("variant", PARAMETERS)
def test_published_checkpoints_are_used_whole(variant: str) -> None:
    shapes = published_shapes(variant)
    with torch.device("meta"):
        state = {name: torch.zeros(shape) for name, shape in shapes.items()}
    fit = conversion.best_fit(state)
    assert (fit.variant, fit.troubles, fit.share) == (variant, "", 1)
    counted = parameters(unallocated(variant)) + CLASSIFIER * (variant == "mobile_sam")
    assert counted == PARAMETERS[variant]


def golden_inputs(name: str) -> tuple[Tensor, ...]:
    tiles = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    photo = tiles.repeat(8, 0).repeat(8, 1)[:HEIGHT]
    drawn = np.random.default_rng(2).standard_normal((1, 1, SIZE // 4, SIZE // 4))
    frame = MeanPadded.fit(SIZE, HEIGHT, SIZE)
    prompts = check_prompts(*ASKED[name], width=SIZE, height=HEIGHT)
    earlier = torch.from_numpy(drawn.astype(np.float32) * 4) if name == "mask" else None
    return SamPrompting().inputs(frame.apply(photo), prompts, earlier, frame)


def exact(network: Sam) -> Sam:
    """The network in float64, its scaling of colours included."""
    std = torch.tensor(IMAGENET_STD, dtype=torch.float64).view(1, 3, 1, 1)
    mean = torch.tensor(IMAGENET_MEAN, dtype=torch.float64).view(1, 3, 1, 1)
    network = network.double()
    network.encoder.gain = 128 / (255 * std)
    network.encoder.shift = (128 / 255 - mean) / std
    return network


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(
    ("variant", "form"),
    [
        *((variant, form) for variant in (SMALL, "mobile_sam") for form in ("trained", "written")),
        # Fifty layers of random weights turn the rounding of float32 into 1e-3.
        ("edge_sam", "float64"),
    ],
)
def test_it_answers_as_the_published_code(variant: str, form: str) -> None:
    network = network_of(random_state(published_shapes(variant)), variant)
    if form == "written":
        network = written_out(folded(network))
    elif form == "float64":
        network = exact(network)
    with np.load(GOLDEN) as golden, torch.inference_mode():
        for name in ASKED:
            inputs = golden_inputs(name)
            if form == "float64":
                inputs = tuple(one.double() for one in inputs)
            masks, ious = network(*inputs)
            assert np.abs(golden[f"{variant}_{name}_masks"] - masks[0].numpy()).max() < 1e-4
            assert np.abs(golden[f"{variant}_{name}_ious"] - ious[0].numpy()).max() < 1e-4


def test_a_checkpoint_becomes_weights_that_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, out = tmp_path / "mobile_sam.pt", tmp_path / "mobile.safetensors"
    torch.save(random_state(published_shapes("mobile_sam")), checkpoint)
    assert run("convert", checkpoint, "--to", "safetensors", "--out", out) == 0
    assert "weights of mobile_sam" in capsys.readouterr().out
    with safe_open(out, framework="pt") as file:
        assert file.metadata()["source"] == checkpoint.name
    predictor = SamPredictor(load(out, SIZE))
    predictor.set_image(np.full((HEIGHT, SIZE, 3), 90, np.uint8))
    masks, ious, low_res = predictor.predict([[20, 30], [60, 60]], [1, 0])
    assert (masks.shape, ious.shape, low_res.shape) == ((3, 96, 128), (3,), (3, 32, 32))
    again, *_ = predictor.predict(mask_input=low_res[:1], multimask_output=False)
    assert again.shape == (1, 96, 128)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("image_encoder.layers.1.blocks.0.attn.qkv.weight", "has other shapes of"),
        ("prompt_encoder.mask_downscaling.0.weight", "has other shapes of"),
    ],
)
def test_what_does_not_fit_is_named(name: str, words: str, tmp_path: Path) -> None:
    state = random_state(published_shapes("mobile_sam"))
    state[name] = torch.zeros(383, 128)  # a multiple of 3, and not of the heads
    path = tmp_path / "x.pt"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=rf"is like mobile_sam, but {words} '{name}'"):
        conversion.read_published(path)


@pytest.fixture
def predictor() -> SamPredictor:
    torch.manual_seed(0)
    return SamPredictor(in_graphs(folded(Sam(SMALL_CONFIG, SIZE))), cleaning=None)


def test_the_encoder_runs_once_for_each_photo() -> None:
    torch.manual_seed(0)
    network = folded(Sam(SMALL_CONFIG, SIZE))
    calls: list[str] = []
    for name, graph in (("encoder", network.encoder), ("decoder", network.decoder)):
        graph.register_forward_hook(lambda *_, name=name: calls.append(name))
    predictor = SamPredictor(in_graphs(network))
    predictor.set_image(np.zeros((30, 50, 3), np.uint8))
    for places in ([[20, 10]], [[20, 10], [3, 3]], [[20, 10], [3, 3], [40, 20]]):
        predictor.predict(places, [1] * len(places))
    assert calls == ["encoder", "decoder", "decoder", "decoder"]


def test_prompts_are_laid_out_as_published() -> None:
    frame = MeanPadded.fit(200, 100, SIZE)
    prompting = SamPrompting()

    def kinds(*asked: object) -> list[int]:
        prompts = check_prompts(*asked, width=200, height=100)  # type: ignore[arg-type]
        _, points, one_hot, mask, has_mask = prompting.inputs(torch.zeros(1), prompts, None, frame)
        assert points.shape[:2] == one_hot.shape[:2]
        assert (mask.shape, has_mask.tolist()) == ((1, 1, 32, 32), [0])
        return one_hot[0].argmax(dim=1).tolist()

    unused, background, click, top_left, bottom_right = range(5)
    assert kinds([[1, 2], [3, 4]], [1, 0], None) == [click, background, unused]
    assert kinds([[1, 2]], [0], [0, 0, 9, 9]) == [background, top_left, bottom_right]
    assert kinds(None, None, [0, 0, 9, 9]) == [top_left, bottom_right]
    assert kinds(None, None, None) == []


def test_the_photo_lies_as_published_beside_its_mean() -> None:
    frame = MeanPadded.fit(200, 101, 1024)
    assert frame.inside == (1024, 516)
    published_rows = int(101 * 1024 / 200 + 0.5)
    assert abs(frame.inside[1] - published_rows) <= 2
    image = MeanPadded.fit(4, 2, SIZE).apply(np.full((2, 4, 3), 255, np.uint8))
    beside = image[0, :, -1, -1] * 128 + 128
    assert beside.tolist() == [124, 116, 104]


def test_an_earlier_mask_counts(predictor: SamPredictor) -> None:
    predictor.set_image(np.zeros((30, 50, 3), np.uint8))
    *_, first = predictor.predict([[20, 10]], [1], multimask_output=False)
    *_, later = predictor.predict([[20, 10]], [1], mask_input=first, multimask_output=False)
    assert not np.allclose(first, later, atol=1e-3)


def test_another_size_stretches_what_was_learnt() -> None:
    torch.manual_seed(0)
    network = Sam(SMALL_CONFIG, SIZE)
    for layer in network.encoder.trunk.layers:
        torch.nn.init.normal_(layer.attention.down)
        torch.nn.init.normal_(layer.attention.across)
    network.set_size(192)
    with torch.inference_mode():
        masks, _ = network(torch.rand(1, 3, 192, 192), torch.zeros(1, 1, 2), torch.eye(5)[None, :1])
    assert masks.shape == (1, 4, 48, 48)


@pytest.mark.parametrize("command", ["train", "export"])
def test_what_these_networks_cannot_do_is_said(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "mobile.safetensors"
    if command == "train":
        words, reason = ["--variant", "mobile_sam", "--data", tmp_path], "for comparison only"
    else:
        config = variant_config("mobile_sam")
        assert isinstance(config, SamConfig)
        save_weights(Sam(config, SIZE), weights, "mobile_sam", torch.float16)
        words, reason = ["--weights", weights], "networks of kind 'sam' cannot be exported"
    assert run(command, *words, "--out", tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert reason in message


def test_weights_are_loaded_in_their_size(tmp_path: Path) -> None:
    path = tmp_path / "edge.safetensors"
    save_weights(Sam(variant_config("edge_sam"), SIZE), path, "edge_sam", torch.float32)
    variant, network = load_weights(path, 64)
    assert (variant, network.size) == ("edge_sam", 64)
