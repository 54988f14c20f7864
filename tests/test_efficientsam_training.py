"""EfficientSAM in the training loop: the encoder once for each photo, and only prompts it knows."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import write_scene
from safetensors.torch import load_file
from several_processes import ALONE, run_in_two
from small_networks import TINY, TINY_CONFIG, run
from torch import Tensor

from squeezesam.data.open import open_datasets
from squeezesam.inference.load import load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompts import point_slots
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.spec import EFFICIENTSAM_LABELS, PointLabel
from squeezesam.training.config import RECIPES, Stage, TrainConfig
from squeezesam.training.samples import SampleConfig
from squeezesam.training.simulated_user import OutlierConfig, PromptConfig
from squeezesam.training.stretched_samples import StretchedSamples
from squeezesam.training.trainers import EfficientSamTrainer

pytestmark = pytest.mark.usefixtures("tiny_efficientsam")

RECIPE = dataclasses.replace(
    RECIPES["efficientsam"],
    stages=(Stage(64, 3, 2),),
    objects=2,
    workers=0,
    checkpoint_every=1,
    precision="fp32",
)


def train(
    scenes: Path, folder: Path, config: TrainConfig = RECIPE, minutes: float | None = None
) -> dict[str, Tensor]:
    torch.manual_seed(0)
    model = EfficientSam(TINY_CONFIG, 64)
    trainer = EfficientSamTrainer(model, open_datasets(scenes), config, folder, ALONE)
    trained, _ = trainer.run(minutes)
    return dict(trained.state_dict())


@pytest.mark.slow
def test_the_loss_falls(scenes: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        RECIPE,
        stages=(Stage(64, 100, 2),),
        learning_rate=2e-3,
        warmup=5,
        rounds=(1.0,),
        checkpoint_every=1000,
    )
    train(scenes, tmp_path, config)
    log = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    assert log["loss"][-1] < 0.9 * log["loss"][0]
    assert log["iou_first"][-1] > 0.6


def test_a_resumed_run_ends_with_the_same_weights(scenes: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(RECIPE, precision="bf16")
    unbroken = train(scenes, tmp_path / "unbroken", config)
    train(scenes, tmp_path / "resumed", config, minutes=0)
    resumed = train(scenes, tmp_path / "resumed", config)
    for name, value in unbroken.items():
        assert torch.equal(value, resumed[name]), name


def test_the_encoder_runs_once_for_all_answers_about_a_photo(scenes: Path, tmp_path: Path) -> None:
    batches: dict[str, list[int]] = {"ImageEncoder": [], "MaskDecoder": []}
    kinds: list[Tensor] = []

    def seen(module: torch.nn.Module, inputs: tuple[Tensor, ...], _: object) -> None:
        batches[type(module).__name__].append(len(inputs[0]))
        kinds.extend(inputs[2:])

    config = dataclasses.replace(
        RECIPE,
        stages=(Stage(64, 1, 2),),
        rounds=(0.0, 0.0, 1.0),
        objects=3,
        prompts=PromptConfig(negative=1.0, several=1.0, outliers=OutlierConfig(chance=1.0)),
    )
    model = EfficientSam(TINY_CONFIG, 64)
    trainer = EfficientSamTrainer(model, open_datasets(scenes), config, tmp_path, ALONE)
    for graph in model.graphs:
        graph.register_forward_hook(seen)
    trainer.run()
    assert batches == {"ImageEncoder": [2], "MaskDecoder": [6, 6, 6]}
    # No background click is asked: each slot is of a label that the network knows.
    assert all((one.sum(dim=2) == 1).all() for one in kinds)


def test_what_stays_untrained_is_the_mask_that_is_not_given(scenes: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = EfficientSam(TINY_CONFIG, 64).state_dict()
    after = train(scenes, tmp_path)
    unchanged = {name for name, value in before.items() if torch.equal(value, after[name])}
    filters = {name for name in before if name.startswith("decoder.filters.0.")}
    assert unchanged == filters | {"decoder.frequencies"}


def test_slots_keep_the_latest_prompts_in_order_and_pad_behind() -> None:
    labels = torch.tensor([[-1, 1, -1, 1, 2, 3], [1, 1, 1, 1, -1, 1]])
    labels = torch.cat([labels, torch.tensor([[-1, -1], [2, 3]])], dim=1)
    coords = torch.arange(16.0).view(1, 8, 2).expand(2, -1, -1)
    points, kinds = point_slots(coords, labels, 32)
    found = [[EFFICIENTSAM_LABELS[kind] for kind in row] for row in kinds.argmax(dim=2).tolist()]
    assert found == [[1, 1, 2, 3, PointLabel.PAD, PointLabel.PAD], [1, 1, 1, 1, 2, 3]]
    places = ((points + 1) * 16 - 0.5)[..., 0].tolist()
    assert places == [[2, 6, 8, 10, -1, -1], [2, 4, 6, 10, 12, 14]]


def test_a_sample_is_the_photo_stretched_with_its_masks(tmp_path: Path) -> None:
    mask = write_scene(tmp_path / "shapes", "scene", 3)
    (dataset,) = open_datasets(tmp_path)
    config = SampleConfig(mirror=1.0)
    samples = StretchedSamples([dataset], np.ones(1), 64, (0,), config, 2)
    photo, masks, _, _ = samples[0]
    assert photo.shape == (3, 64, 64)
    assert torch.equal(masks[0], masks[1])
    rows = np.arange(32) * 72 // 32 + 1
    columns = np.arange(32) * 96 // 32 + 1
    expected = mask[:, ::-1][rows][:, columns]
    assert ((masks[0].numpy() > 127) == expected).mean() > 0.98
    bright = photo.float().mean(0).reshape(32, 2, 32, 2).mean((1, 3)) > 110
    assert (bright.numpy() == expected).mean() > 0.95


def test_the_command_trains_what_the_predictor_takes(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "--data", scenes, "--variant", TINY, "--workers", 0)
    assert run(*words, "--stage", "64:2:2", "--out", tmp_path / "run") == 0
    weights = tmp_path / "run" / f"{TINY}.safetensors"
    assert f"wrote {weights}" in capsys.readouterr().out
    predictor = SamPredictor(load(weights, 64), 64)
    predictor.set_image(sorted((scenes / "shapes").glob("*.jpg"))[0])
    assert predictor.predict([[40, 30]], [1])[2].shape == (3, 16, 16)
    assert run(*words, "--dry-run", "--init", weights, "--out", tmp_path / "next") == 0
    assert "430000 batches of 128 at 1024 px" in capsys.readouterr().out


TWO_PROCESSES = """
import dataclasses
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from squeezesam.data.open import open_datasets
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.training.processes import joined_processes
from squeezesam.training.trainers import EfficientSamTrainer
from test_efficientsam_training import TINY_CONFIG, RECIPE

torch.set_num_threads(1)
torch.manual_seed(0)
recipe = dataclasses.replace(RECIPE, rounds=(0.0, 1.0))
with joined_processes() as processes:
    trainer = EfficientSamTrainer(
        EfficientSam(TINY_CONFIG, 64), open_datasets(sys.argv[1]), recipe, sys.argv[2], processes
    )
    trainer.run()
    weights = trainer.model.named_parameters()
    tensors = {name: p.detach().clone().contiguous() for name, p in weights}
    save_file(tensors, Path(sys.argv[2]) / f"weights-{processes.rank}.safetensors")
"""


@pytest.mark.slow
def test_two_processes_stay_the_same(scenes: Path, tmp_path: Path) -> None:
    script = tmp_path / "steps.py"
    script.write_text(TWO_PROCESSES)
    run_in_two(script, scenes, tmp_path / "run")
    first, second = (load_file(tmp_path / "run" / f"weights-{rank}.safetensors") for rank in (0, 1))
    torch.manual_seed(0)
    start = EfficientSam(TINY_CONFIG, 64).state_dict()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    assert not torch.equal(first["encoder.positions"], start["encoder.positions"])
