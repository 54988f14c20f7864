"""EfficientSAM: the published network, its checkpoints, and how it is asked."""

import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from published_efficientsam import (
    NAMES_SHA256,
    names_sha256,
    published_shapes,
    random_state,
)
from safetensors import safe_open
from small_networks import run
from torch import Tensor
from torch.nn import functional as F

from squeezesam.errors import PromptError, WeightsError
from squeezesam.files import content_hash
from squeezesam.inference.letterbox import Stretched
from squeezesam.inference.load import LoadedNetwork, in_graphs, load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompting import EfficientSamPrompting
from squeezesam.inference.prompts import Prompts, check_prompts
from squeezesam.networks import conversion
from squeezesam.networks.building import build_network, folded, written_out
from squeezesam.networks.configs import EfficientSamConfig, variant_config
from squeezesam.networks.conversion import read_published
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.networks.overview import macs_by_operator, parameters
from squeezesam.networks.weights import load_weights, save_weights
from squeezesam.spec import EFFICIENTSAM, SEGMENTER

GOLDEN = Path(__file__).parent / "data" / "efficientsam_golden.npz"
"""Masks and IoUs of the published code at d525f62, made once for `random_state` at 128 pixels."""

GOLDEN_SIZE = 128
PARAMETERS = {
    "efficientsam_ti": (10_223_204, 6_163_840),
    "efficientsam_s": (26_413_028, 22_353_664),
}
"""Of the network and of its encoder."""

GMACS = {"efficientsam_ti": (102.3, 1.85), "efficientsam_s": (245.6, 1.85)}
"""Of encoder and decoder, measured on the published code."""


def published(variant: str = "efficientsam_ti", seed: int = 0) -> dict[str, Tensor]:
    config = variant_config(variant)
    assert isinstance(config, EfficientSamConfig)
    return random_state(published_shapes(config), seed)


def saved(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def state() -> Mapping[str, Tensor]:
    return published()


@pytest.fixture(scope="module")
def checkpoint(state: Mapping[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved({"model": state}, tmp_path_factory.mktemp("published") / "efficient_sam_vitt.pt")


@pytest.fixture(scope="module")
def weights(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("converted") / "efficientsam_ti.safetensors"
    conversion.convert(checkpoint, path)
    return path


@pytest.mark.parametrize("variant", PARAMETERS)
def test_the_names_and_shapes_are_the_published_ones(variant: str) -> None:
    config = variant_config(variant)
    assert isinstance(config, EfficientSamConfig)
    shapes = published_shapes(config)
    assert names_sha256(shapes) == NAMES_SHA256[variant]
    assert not conversion.fit_of(variant, published(variant)).troubles


@pytest.mark.parametrize("variant", PARAMETERS)
def test_parameters_and_macs_are_the_published_ones(variant: str) -> None:
    with torch.device("meta"):
        network = build_network(variant_config(variant))
    assert isinstance(network, EfficientSam)
    assert (parameters(network), parameters(network.encoder)) == PARAMETERS[variant]
    for kind, graph, gmacs in zip(EFFICIENTSAM.graphs, network.graphs, GMACS[variant], strict=True):
        counted = sum(macs_by_operator(graph, kind.shapes(kind.size)[0]).values()) / 1e9
        assert counted == pytest.approx(gmacs, rel=0.01)


def golden_prompts() -> dict[str, Prompts]:
    side = GOLDEN_SIZE
    asked = {
        "click": ([[side * 0.3, side * 0.4]], [1], None),
        "clicks": ([[5, 7], [side * 0.6, side * 0.6], [side * 0.9, 3]], [1, 1, 1], None),
        "box": (None, None, [side * 0.1, side * 0.2, side * 0.7, side * 0.8]),
    }
    return {name: check_prompts(*one, width=side, height=side) for name, one in asked.items()}


def golden_photo() -> np.ndarray:
    side = GOLDEN_SIZE // 8
    tiles = np.random.default_rng(1).integers(0, 256, (side, side, 3)).astype(np.uint8)
    return tiles.repeat(8, 0).repeat(8, 1)


@pytest.mark.parametrize("form", ["as trained", "folded", "written out"])
def test_it_answers_as_the_published_code(weights: Path, form: str) -> None:
    network = load_weights(weights, GOLDEN_SIZE)[1]
    if form != "as trained":
        network = folded(network)
    if form == "written out":
        network = written_out(network)
    frame = Stretched.fit(GOLDEN_SIZE, GOLDEN_SIZE, GOLDEN_SIZE)
    image = frame.apply(golden_photo())
    with np.load(GOLDEN) as golden, torch.inference_mode():
        for name, prompts in golden_prompts().items():
            masks, ious = network(*EfficientSamPrompting().inputs(image, prompts, None, frame))
            assert np.abs(golden[f"{name}_masks"] - masks[0].numpy()).max() < 1e-4
            assert np.abs(golden[f"{name}_ious"] - ious[0].numpy()).max() < 1e-4


def test_several_queries_are_answered_at_once(weights: Path) -> None:
    """As training asks: a batch of photos and prompts gives what each gives alone."""
    network = load_weights(weights, 64)[1]
    images = torch.rand(2, 3, 64, 64) - 0.5
    points, kinds = torch.rand(2, 6, 2), torch.eye(4)[torch.tensor([[1, 2, 3, 0, 0, 0]] * 2)]
    with torch.inference_mode():
        masks, ious = network(images, points, kinds)
        for number in range(2):
            one = slice(number, number + 1)
            alone = network(images[one], points[one], kinds[one])
            assert torch.allclose(masks[one], alone[0], atol=1e-4)
            assert torch.allclose(ious[one], alone[1], atol=1e-4)


def test_a_checkpoint_becomes_weights_that_say_where_they_are_from(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ti.safetensors"
    assert run("convert", checkpoint, "--to", "safetensors", "--out", out) == 0
    assert "efficientsam_ti" in capsys.readouterr().out
    with safe_open(out, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["source"] == checkpoint.name
    assert metadata["source_sha256"] == content_hash(checkpoint).hexdigest()
    assert load_weights(out, 64)[0] == "efficientsam_ti"
    assert run("convert", checkpoint, "--out", out) == 2
    assert "exists" in capsys.readouterr().err


def test_the_larger_variant_and_bare_tensors_are_known(tmp_path: Path) -> None:
    path = saved(published("efficientsam_s"), tmp_path / "vits.pt")
    assert read_published(path)[0] == "efficientsam_s"


class Harmful:
    """A pickle of it touches a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_is_not_run(
    state: Mapping[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touched = tmp_path / "touched"
    path = saved({"model": state, "extra": Harmful(touched)}, tmp_path / "harmful.pt")
    assert run("convert", path) == 2
    message = capsys.readouterr().err
    assert "was not run" in message
    assert message.count("\n") == 1
    assert not touched.exists()
    assert not path.with_suffix(".safetensors").exists()
    bare = tmp_path / "bare.pt"
    bare.write_bytes(pickle.dumps(Harmful(touched)))
    assert run("convert", bare) == 2
    assert not touched.exists()


ALTERED: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "renamed": (
        lambda s: s.update({"image_encoder.stem": s.pop("image_encoder.pos_embed")}),
        "lacks 'image_encoder.pos_embed'; has the unknown 'image_encoder.stem'",
    ),
    "missing": (lambda s: s.pop("mask_decoder.iou_token.weight"), "lacks 'mask_decoder.iou_token"),
    "another shape": (
        lambda s: s.update({"image_encoder.pos_embed": torch.zeros(1, 10, 192)}),
        "other shapes of",
    ),
    "huge shape": (
        lambda s: s.update({"image_encoder.pos_embed": torch.zeros(1).expand(1, 1 << 40, 192)}),
        "other shapes of",
    ),
    "uneven parts": (
        lambda s: s.update({"image_encoder.blocks.0.attn.qkv.weight": torch.zeros(577, 192)}),
        "other shapes of",
    ),
    "NaN": (
        lambda s: s["image_encoder.neck.2.weight"].view(-1)[7].fill_(float("nan")),
        "NaN or infinity in 'image_encoder.neck.2.weight'",
    ),
    "no tensor": (lambda s: s.update({"epoch": 3}), "'epoch', which is no tensor"),  # type: ignore[dict-item]
    "complex": (lambda s: s.update({"x": torch.zeros(1, dtype=torch.complex64)}), "no tensor of"),
    "sparse": (lambda s: s.update({"x": torch.zeros(2, 2).to_sparse()}), "no tensor of"),
    "another network": (
        lambda s: (s.clear(), s.update({"conv1.weight": torch.zeros(2)})),
        "of no network that can be converted",
    ),
    "empty": (lambda s: s.clear(), "no tensors by name"),
}


@pytest.mark.parametrize("change", ALTERED)
def test_what_does_not_fit_is_named(
    change: str, state: Mapping[str, Tensor], tmp_path: Path
) -> None:
    altered = {name: value.clone() for name, value in state.items()}
    alter, words = ALTERED[change]
    alter(altered)
    path = saved({"model": altered}, tmp_path / "altered.pt")
    with pytest.raises(WeightsError, match=words.replace("'", "['\"]")) as caught:
        read_published(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["cut", "text", "list", "bomb", "zip", "missing"])
def test_what_is_no_checkpoint_is_refused(content: str, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    if content == "cut":
        path.write_bytes(checkpoint.read_bytes()[: 1 << 20])
    elif content == "text":
        path.write_text("not a checkpoint")
    elif content == "list":
        saved([torch.zeros(2)], path)
    elif content != "missing":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("archive/data.pkl", "w") as file,
        ):
            for _ in range(420 if content == "bomb" else 1):
                file.write(bytes(1_000_000))
    with pytest.raises(WeightsError) as caught:
        read_published(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_cut_and_flipped_byte_ends_in_an_error_of_ours(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"model": {"image_encoder.pos_embed": torch.zeros(3)}}, buffer)
    whole, path = buffer.getvalue(), tmp_path / "x.pt"
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged[: rng.integers(1, len(whole) + 1)])
        with pytest.raises(WeightsError):
            read_published(path)


@pytest.fixture(scope="module")
def network(weights: Path) -> LoadedNetwork:
    loaded = load(weights, 64, kind=SEGMENTER)
    assert isinstance(loaded, LoadedNetwork)
    return loaded


def test_loading_gives_what_answers_prompts(network: LoadedNetwork) -> None:
    assert (network.kind, network.size) == (EFFICIENTSAM, 64)


def photo_of(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_masks_have_the_shape_of_the_photo(network: LoadedNetwork) -> None:
    predictor = SamPredictor(network)
    predictor.set_image(photo_of(50, 30))
    masks, ious, low_res = predictor.predict([[20, 10]], [1])
    assert (masks.shape, ious.shape, low_res.shape) == ((3, 30, 50), (3,), (3, 16, 16))
    one, iou, _ = predictor.predict([[20, 10]], [1], multimask_output=False)
    assert one.shape == (1, 30, 50)
    assert iou[0] == ious.max()
    assert (one[0] == masks[ious.argmax()]).all()


def test_queries_of_boxes_are_answered_as_each_alone(network: LoadedNetwork) -> None:
    predictor = SamPredictor(network)
    predictor.set_image(photo_of(50, 30))
    boxes = np.array([[1, 2, 20, 20], [5, 5, 49, 29], [0, 0, 3, 3]], np.float32)
    masks, ious, _ = predictor.predict(box=boxes)
    assert (masks.shape, ious.shape) == ((3, 3, 30, 50), (3, 3))
    for box, mask in zip(boxes, masks, strict=True):
        assert (predictor.predict(box=box)[0] == mask).all()


def test_the_encoder_runs_once_for_each_photo(weights: Path) -> None:
    trained = folded(load_weights(weights, 64)[1])
    assert isinstance(trained, EfficientSam)
    calls = []
    trained.encoder.register_forward_hook(lambda *_: calls.append("encoder"))
    trained.decoder.register_forward_hook(lambda *_: calls.append("decoder"))
    predictor = SamPredictor(in_graphs(trained))
    for seed in range(2):
        predictor.set_image(np.full((30, 50, 3), 80 * seed, np.uint8))
        for place in (3, 5):
            predictor.predict([[place, place]], [1])
    assert calls == ["encoder", "decoder", "decoder"] * 2


def test_background_clicks_are_refused(network: LoadedNetwork) -> None:
    predictor = SamPredictor(network)
    predictor.set_image(photo_of(50, 30))
    with pytest.raises(PromptError, match=r"without clicks of label 0, such as that at \(4, 5\)"):
        predictor.predict([[20, 10], [4, 5]], [1, 0])


def test_an_earlier_mask_alone_is_no_prompt(network: LoadedNetwork) -> None:
    predictor = SamPredictor(network)
    predictor.set_image(photo_of(50, 30))
    *_, low_res = predictor.predict([[20, 10]], [1], multimask_output=False)
    assert len(predictor.predict([[20, 10]], [1], mask_input=low_res)[0])
    with pytest.raises(PromptError, match="at least one click or a box"):
        predictor.predict(mask_input=low_res)


def test_points_are_encoded_as_published() -> None:
    frame = Stretched.fit(200, 100, 64)
    prompts = check_prompts([[50, 50], [199, 0]], [1, 1], [0, 10, 200, 100], width=200, height=100)
    _, points, kinds = EfficientSamPrompting().inputs(torch.zeros(1), prompts, None, frame)
    pixels = (points[0] + 1) / 2 * 64 - 0.5
    wanted = [[16, 32], [199 * 0.32, 0], [0, 6.4], [64, 64], [-1, -1], [-1, -1]]
    assert torch.allclose(pixels, torch.tensor(wanted), atol=1e-4)
    assert kinds[0].argmax(dim=1).tolist() == [1, 1, 2, 3, 0, 0]
    many = check_prompts([[x, 1] for x in range(9)], [1] * 9, [0, 0, 9, 9], width=200, height=100)
    _, points, kinds = EfficientSamPrompting().inputs(torch.zeros(1), many, None, frame)
    assert kinds[0].argmax(dim=1).tolist() == [1, 1, 1, 1, 2, 3]
    latest = ((points[0, :4, 0] + 1) / 2 * 64 - 0.5) / 0.32
    assert latest.round().tolist() == [5, 6, 7, 8]


def test_a_photo_is_stretched_as_published_to_half_a_level() -> None:
    photo = photo_of(90, 150)
    image = Stretched.fit(90, 150, 64).apply(photo)
    planes = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    wanted = F.interpolate(planes, (64, 64), mode="bilinear")
    assert (image * 128 + 128 - wanted).abs().max() <= 0.5


def test_weights_of_another_kind_are_named(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds the EfficientSAM .* of a promptable network"):
        load_weights(weights, 64, SEGMENTER)
    network = load_weights(weights, 64)[1]
    again = tmp_path / "again.safetensors"
    save_weights(network, again, "efficientsam_ti", torch.float32)
    tensors = load_weights(again, 64)[1].state_dict()
    assert all(torch.equal(tensors[name], value) for name, value in network.state_dict().items())
