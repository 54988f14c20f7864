"""SAMI and MAE: what is hidden, what is to be predicted, and what becomes of the encoder."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from several_processes import ALONE, assert_two_give_the_gradients_of_one
from small_networks import TINY, TINY_CONFIG, random_network, run
from torch import Tensor, nn

from squeezesam.distillation.labels import open_photos
from squeezesam.errors import DataError, WeightsError
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.networks.weights import load_weights, save_weights
from squeezesam.pretraining.masking import in_order, random_order, split, taken
from squeezesam.pretraining.network import MaskedNetwork
from squeezesam.pretraining.options import (
    CacheOptions,
    CropOptions,
    DecoderOptions,
    PretrainConfig,
    TargetOptions,
)
from squeezesam.pretraining.samples import (
    PhotoSamples,
    Piece,
    open_photo_sets,
    random_piece,
    token_targets,
)
from squeezesam.pretraining.teachers import (
    CachedTeacher,
    FeatureTeacher,
    NetworkEncoder,
    PhotoFeatures,
    load_feature_teacher,
)
from squeezesam.pretraining.trainer import PATCH_VALUES, Pretrainer, patches
from squeezesam.training.config import Stage

pytestmark = pytest.mark.usefixtures("tiny_efficientsam")

DECODER = DecoderOptions(depth=1, width=32, heads=2)
RECIPE = PretrainConfig(
    stages=(Stage(64, 3, 2),),
    warmup=1,
    workers=0,
    precision="fp32",
    checkpoint_every=1,
    decoder=DECODER,
    teacher="means",
)


def means(pixels: np.ndarray) -> tuple[Tensor, tuple[float, float]]:
    """Colours of 8x8 pieces of the photo stretched to a square, as a teacher that is quick."""
    small = Image.fromarray(pixels).resize((8, 8), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1) / 64 - 2, (1.0, 1.0)


def teacher_in(folder: Path, gigabytes: float = 1.0) -> CachedTeacher:
    return CachedTeacher(FeatureTeacher(means, "means", 3), folder, CacheOptions(gigabytes))


def pretrain(
    scenes: Path, folder: Path, config: PretrainConfig = RECIPE, minutes: float | None = None
) -> dict[str, Tensor]:
    torch.manual_seed(0)
    taught = config.method == "sami"
    model = MaskedNetwork(TINY_CONFIG, config.decoder, 3 if taught else PATCH_VALUES, 64)
    teacher = teacher_in(folder / "features") if taught else None
    trainer = Pretrainer(model, open_photo_sets(scenes), config, folder, ALONE, teacher)
    return dict(trainer.run(minutes)[0].state_dict())


def test_tokens_come_back_to_their_places() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.rand(3, 16, 5)
    parts = split(random_order(3, 16, generator), 0.75)
    assert (parts.shown.shape, parts.hidden.shape) == ((3, 4), (3, 12))
    assert torch.equal(torch.cat(parts, dim=1).sort(dim=1).values, torch.arange(16).expand(3, -1))
    assert not torch.equal(parts.shown[0], parts.shown[1])
    back = in_order(taken(tokens, parts.shown), taken(tokens, parts.hidden), parts)
    assert torch.equal(back, tokens)


@pytest.mark.parametrize("hidden", [0.01, 0.99])
def test_some_token_is_shown_and_some_is_hidden(hidden: float) -> None:
    parts = split(random_order(1, 4, torch.Generator().manual_seed(0)), hidden)
    assert min(part.shape[1] for part in parts) == 1


def test_with_layers_that_do_nothing_each_token_predicts_itself() -> None:
    """Shown tokens come through to their own places; hidden ones know only where they are."""
    torch.manual_seed(0)
    model = MaskedNetwork(TINY_CONFIG, DECODER, 32, 64).eval()
    for layer in [*model.encoder.layers, *model.layers]:
        nn.init.zeros_(layer.attention.out.weight)
        nn.init.zeros_(layer.attention.out.bias)
        nn.init.zeros_(layer.mlp[2].weight)
        nn.init.zeros_(layer.mlp[2].bias)
    for name in ("norm_encoded", "enter", "norm", "head"):
        setattr(model, name, nn.Identity())
    image = torch.rand(2, 3, 64, 64)
    shown, hidden = split(random_order(2, 16, torch.Generator().manual_seed(1)), 0.75)
    predicted = model(image, shown, hidden)
    expected = model.encoder.embed(image) + model.positions
    assert torch.equal(taken(predicted, shown), taken(expected, shown))
    places = (model.mask_token + model.positions).expand(2, -1, -1)
    assert torch.equal(taken(predicted, hidden), taken(places, hidden))


def test_the_encoder_sees_only_what_is_shown() -> None:
    torch.manual_seed(0)
    model = MaskedNetwork(TINY_CONFIG, DECODER, 3, 64).eval()
    shown, hidden = torch.arange(4)[None], torch.arange(4, 16)[None]
    image = torch.rand(1, 3, 64, 64)
    changed = image.clone()
    changed[:, :, 16:] = 0  # below the first row of tokens
    assert torch.equal(model(image, shown, hidden), model(changed, shown, hidden))
    changed[:, :, :16] = 0
    assert not torch.equal(model(image, shown, hidden), model(changed, shown, hidden))


def test_the_pixels_of_a_token_are_those_of_its_place() -> None:
    image = torch.rand(1, 3, 64, 64)
    row, column = 2, 1
    piece = image[0, :, 32:48, 16:32].flatten()
    assert torch.equal(patches(image)[0, 4 * row + column], piece)


def test_targets_are_the_features_of_the_same_place() -> None:
    """A map that says where it is, on a photo that fills three quarters of its height."""
    down, across = torch.meshgrid(torch.arange(16) + 0.5, torch.arange(16) + 0.5, indexing="ij")
    features = PhotoFeatures(torch.stack([across / 16, down / 16]), (1.0, 0.75))
    piece = Piece(0.25, 0.2, 0.75, 0.8)
    target = token_targets(features, piece, 4, 4)
    centres = (torch.arange(4) + 0.5) / 4
    torch.testing.assert_close(target[0, 0], 0.25 + 0.5 * centres)
    torch.testing.assert_close(target[1, :, 0], 0.75 * (0.2 + 0.6 * centres))


def test_a_token_gets_the_mean_of_all_that_it_covers() -> None:
    noise = torch.randn(1, 64, 64)
    target = token_targets(PhotoFeatures(noise, (1.0, 1.0)), Piece(0, 0, 1, 1), 8, 8)
    torch.testing.assert_close(target, nn.functional.avg_pool2d(noise, 8), atol=1e-5, rtol=1e-4)


def test_pieces_lie_on_the_photo_and_have_the_asked_size() -> None:
    rng = np.random.default_rng(0)
    options = CropOptions()
    for _ in range(100):
        piece = random_piece(300, 100, options, rng)
        wide, high = piece.right - piece.left, piece.bottom - piece.top
        assert min(piece) >= 0
        assert max(piece) <= 1 + 1e-9
        assert 0.2 - 1e-9 <= wide * high <= 1
        if wide < 1:
            assert 0.74 < 3 * wide / high < 1.34


def test_a_mirrored_photo_has_mirrored_features(scenes: Path, tmp_path: Path) -> None:
    (dataset,) = open_photo_sets(scenes)
    drawn = []
    for mirror in (0.0, 1.0):
        crop = CropOptions(area=(1.0, 1.0), aspect=1.0, mirror=mirror)
        shown = ([dataset], np.ones(1), 64, (0,), RECIPE.samples, crop)
        samples = PhotoSamples(*shown, teacher_in(tmp_path), TargetOptions())
        drawn.append(samples.draw((0, 0), dataset[0], np.random.default_rng(0)))
    (photo, features, _), (mirrored, turned, _) = drawn  # type: ignore[misc]
    assert torch.equal(mirrored, photo.flip(-1))
    assert torch.equal(turned, features.flip(-1))
    colours = nn.functional.avg_pool2d(photo.float(), 16) / 64 - 2
    assert (features - colours).abs().mean() < 0.1


@pytest.mark.parametrize("method", ["sami", pytest.param("mae", marks=pytest.mark.slow)])
def test_the_error_falls(scenes: Path, tmp_path: Path, method: str) -> None:
    config = dataclasses.replace(
        RECIPE,
        method=method,
        teacher="means" if method == "sami" else "",
        stages=(Stage(64, 100, 4),),
        learning_rate=5e-3,
        checkpoint_every=1000,
    )
    pretrain(scenes, tmp_path, config)
    log = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    assert log["loss"][-1] < 0.9 * log["loss"][0]
    assert log["error_hidden"][-1] < 0.9 * log["error_hidden"][0]


def test_a_resumed_run_ends_with_the_same_weights(scenes: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(RECIPE, precision="bf16", crop=CropOptions(colour=True))
    unbroken = pretrain(scenes, tmp_path / "unbroken", config)
    pretrain(scenes, tmp_path / "resumed", config, minutes=0)
    resumed = pretrain(scenes, tmp_path / "resumed", config)
    for name, value in unbroken.items():
        assert torch.equal(value, resumed[name]), name


def test_features_are_made_once_and_kept_as_they_are(scenes: Path, tmp_path: Path) -> None:
    image = open_photos(scenes / "shapes")[0]
    pixels = image.pixels()
    asked = []

    def counted(photo: np.ndarray) -> tuple[Tensor, tuple[float, float]]:
        asked.append(photo)
        return torch.rand(3, 4, 5), (1.0, 0.75)

    def features(identity: str, gigabytes: float = 1.0) -> PhotoFeatures:
        taught = FeatureTeacher(counted, identity, 3)
        return CachedTeacher(taught, tmp_path, CacheOptions(gigabytes)).features(image, pixels)

    first, again = features("one"), features("one")
    assert torch.equal(first.map, again.map)
    assert again.extent == (1.0, 0.75)
    assert len(asked) == 1
    features("another teacher")
    assert len(asked) == 2
    for entry in tmp_path.rglob("*.safetensors"):
        entry.write_bytes(b"damaged")
    features("one")
    features("one")
    assert len(asked) == 3
    features("a third", gigabytes=1e-9)  # nothing fits
    features("a third", gigabytes=1e-9)
    assert len(asked) == 5
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2


def test_a_teacher_that_answers_no_numbers_is_named(scenes: Path, tmp_path: Path) -> None:
    image = open_photos(scenes / "shapes")[0]
    broken = FeatureTeacher(lambda _: (torch.full((1, 2, 2), torch.nan), (1.0, 1.0)), "broken", 1)
    with pytest.raises(DataError, match=f"NaN or infinity to photo {image.name}"):
        CachedTeacher(broken, tmp_path, CacheOptions()).features(image, image.pixels())


def test_our_networks_teach_with_the_bottom_of_their_encoders() -> None:
    photo = np.zeros((30, 60, 3), np.uint8)
    network = random_network(0)
    features, extent = NetworkEncoder(network, "nano")(photo)
    assert features.shape == (128, 2, 2)
    assert extent == (1.0, 0.5)
    features, extent = NetworkEncoder(EfficientSam(TINY_CONFIG, 64).eval(), TINY)(photo)
    assert features.shape == (256, 4, 4)
    assert extent == (1.0, 1.0)


def test_an_onnx_encoder_teaches(stand_ins: Path) -> None:
    teacher = load_feature_teacher(str(stand_ins / "sam.encoder.onnx"))
    features, extent = teacher.encode(np.zeros((30, 60, 3), np.uint8))
    assert features.shape == (teacher.channels, 256, 256)
    assert extent == (1.0, 0.5)
    other = load_feature_teacher(str(stand_ins / "osam.encoder.onnx"))
    assert other.identity != teacher.identity


def test_the_command_makes_an_encoder_that_training_starts_from(
    scenes: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos" / "below"
    photos.mkdir(parents=True)
    for photo in (scenes / "shapes").glob("*.jpg"):
        photo.rename(photos / photo.name)
    out = tmp_path / "run"
    words = ("pretrain", "--data", tmp_path / "photos", "--out", out, "--variant", TINY)
    recipe = ("--stage", "64:2:2", "--decoder", "1:32:2", "--workers", 0, "--teacher", weights)
    assert run(*words, *recipe) == 0
    encoder = out / f"{TINY}-encoder.safetensors"
    assert f"wrote {encoder}" in capsys.readouterr().out
    with pytest.raises(WeightsError, match=f"train with --variant {TINY} --init"):
        load_weights(encoder)
    from squeezesam.commands.training import starting_network

    network, kept = starting_network(TINY, encoder), load_file(encoder)
    state = network.state_dict()
    assert all(torch.equal(state[name], value.float()) for name, value in kept.items())
    rest = {name.split(".")[1] for name in state.keys() - kept.keys() if "encoder" in name}
    assert rest == {"neck"}
    assert not any(name.startswith("decoder.") for name in kept)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "sami"], "needs a --teacher"),
        (["--method", "mae", "--teacher", "base"], "takes none"),
        (["--teacher", "base", "--variant", "base"], "no vision transformer"),
        (["--teacher", "nowhere.safetensors"], "no weights file"),
        (["--teacher", "nowhere.onnx"], "no ONNX file"),
        (["--teacher", "nano"], "no weights of 'nano' are shipped"),
        (["--method", "mae", "--hidden", "1"], "between 0 and 1"),
        (["--method", "mae", "--decoder", "8"], "DEPTH:WIDTH:HEADS"),
        (["--method", "mae", "--decoder", "1:30:4"], "multiple of 4"),
        (["--method", "mae", "--features-gb", "-1"], "impossible"),
        (["--method", "mae", "--data", "nowhere"], "check the name"),
    ],
)
def test_bad_input_is_one_line(
    scenes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    base = ("pretrain", "--data", scenes, "--out", tmp_path / "run", "--variant", TINY)
    assert run(*base, "--stage", "64:1:2", *words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "run").exists()


def test_a_whole_networks_teacher_must_have_features(detector_weights: Path) -> None:
    with pytest.raises(ValueError, match="cannot teach features"):
        load_feature_teacher(str(detector_weights))


def test_training_refuses_the_encoder_of_another_variant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from squeezesam.networks.weights import save_encoder

    path = tmp_path / "encoder.safetensors"
    save_encoder(EfficientSam(TINY_CONFIG, 64), path, TINY, torch.float16, {})
    words = ("train", "--data", tmp_path, "--out", tmp_path / "run", "--init", path)
    assert run(*words, "--variant", "efficientsam_ti") == 2
    assert f"an encoder of '{TINY}', not of 'efficientsam_ti'" in capsys.readouterr().err
    save_weights(EfficientSam(TINY_CONFIG, 64), path, TINY, torch.float16)
    assert load_weights(path)[0] == TINY


TWO_PROCESSES = """
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from squeezesam.networks.configs import EfficientSamConfig
from squeezesam.pretraining.masking import random_order, split
from squeezesam.pretraining.network import MaskedNetwork
from squeezesam.pretraining.options import DecoderOptions
from squeezesam.training.processes import joined_processes

torch.set_num_threads(1)
torch.manual_seed(0)
config = EfficientSamConfig(32, heads=2, depth=1)
model = MaskedNetwork(config, DecoderOptions(1, 32, 2), 5, 64).double()
image, target = torch.rand(8, 3, 64, 64).double(), torch.rand(8, 16, 5).double()
order = random_order(8, 16, torch.Generator().manual_seed(0))
with joined_processes() as processes:
    network = processes.distributed(model)
    share = processes.share_of(8)
    own = slice(processes.rank * share, (processes.rank + 1) * share)
    for _ in range(2):
        model.zero_grad()
        predicted = network(image[own], *split(order[own], 0.75))
        ((predicted - target[own]) ** 2).mean().backward()
    if processes.is_first:
        trained = {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}
        save_file(trained, Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_two_processes_give_the_gradients_of_one(tmp_path: Path) -> None:
    assert_two_give_the_gradients_of_one(TWO_PROCESSES, tmp_path)
