"""The training loop, its losses and its command."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from several_processes import ALONE, assert_two_give_the_gradients_of_one
from test_training_prompts import disc

from squeezesam.cli import main
from squeezesam.data.sa1b import Sa1bFolder
from squeezesam.errors import ConfigError, WeightsError
from squeezesam.networks.configs import variant_config
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.weights import load_weights, write_tensors
from squeezesam.training.checkpoint import Checkpoint
from squeezesam.training.config import SWITCHES, Stage, TrainConfig, recipe, without
from squeezesam.training.losses import click_loss, mask_ious
from squeezesam.training.optimizer import learning_rate
from squeezesam.training.telemetry import Telemetry
from squeezesam.training.trainers import ClickTrainer


def test_loss_prefers_the_right_masks_and_ious():
    target = disc(32, 16, 16, 8).float()
    right = (target - 0.5).expand(-1, 4, -1, -1) * 20
    whole = torch.ones(1)
    perfect = click_loss(right, torch.ones(1, 4), target, target, whole)
    assert perfect < 0.05
    assert click_loss(right, torch.zeros(1, 4), target, target, whole) > perfect + 0.2
    assert click_loss(-right, torch.ones(1, 4), target, target, whole) > 5
    one_right = torch.cat([right[:, :2], -right[:, 2:]], dim=1)
    answers = torch.tensor([[1.0, 1, 0, 0]])
    assert click_loss(one_right, answers, target, target, whole) < 0.05
    parts = click_loss(
        torch.cat([-right[:, :1], right[:, 1:]], dim=1), answers * 0, target, target, whole * 0
    )
    assert parts < 1
    assert mask_ious(one_right, target > 0.5).tolist() == [[1, 1, 0, 0]]


def test_alternatives_answer_for_the_whole_and_for_the_piece():
    target, asked = disc(32, 16, 16, 10).float(), disc(32, 16, 12, 3).float()

    def answers(*masks):
        return torch.cat([(mask - 0.5) * 20 for mask in masks], dim=1)

    whole, ious = torch.ones(1), torch.ones(1, 4)
    both = click_loss(answers(target, target, asked, asked), ious, target, asked, whole)
    whole_only = click_loss(answers(target, target, target, target), ious, target, asked, whole)
    assert both < 0.1
    assert whole_only > both + 0.1


def test_rate_warms_up_and_decays():
    rates = [learning_rate(step, peak=1.0, warmup=10, steps=100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert max(rates) == rates[9]
    assert rates[50] == pytest.approx(0.505, abs=0.01)
    assert rates[100] == pytest.approx(0.01)


TINY = TrainConfig(
    stages=(Stage(64, 4, 2), Stage(96, 2, 2)), workers=0, checkpoint_every=1, precision="fp32"
)


def train(scenes, folder, config=TINY, minutes=None):
    torch.manual_seed(0)
    model = SqueezeSam(variant_config("nano"))
    datasets = [Sa1bFolder.open(scenes / "shapes")]
    trained, _ = ClickTrainer(model, datasets, config, folder, ALONE).run(minutes)
    return trained.state_dict()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_killed_run_resumes_to_the_same_weights(scenes, tmp_path, monkeypatch, workers):
    config = dataclasses.replace(TINY, workers=workers)
    unbroken = train(scenes, tmp_path / "unbroken", config)

    save = Checkpoint.save

    def killed(self, step):
        save(self, step)
        if step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        train(scenes, tmp_path / "broken", config)
    monkeypatch.setattr(Checkpoint, "save", save)
    resumed = train(scenes, tmp_path / "broken", config)
    for name, value in unbroken.items():
        assert torch.equal(value, resumed[name]), name


def test_a_run_killed_while_writing_goes_on_from_the_checkpoint_before(
    scenes, tmp_path, monkeypatch
):
    unbroken = train(scenes, tmp_path / "unbroken")
    written = []

    def dying(tensors, path, metadata):
        written.append(path)
        if len(written) == 5 * 3 + 2:  # in the middle of the fourth checkpoint
            raise KeyboardInterrupt
        write_tensors(tensors, path, metadata)

    with monkeypatch.context() as patch:
        patch.setattr("squeezesam.training.checkpoint.write_tensors", dying)
        with pytest.raises(KeyboardInterrupt):
            train(scenes, tmp_path / "broken")
    assert [path.name for path in (tmp_path / "broken").glob("checkpoint-*")] == [
        "checkpoint-00000003"
    ]
    resumed = train(scenes, tmp_path / "broken")
    assert all(torch.equal(value, resumed[name]) for name, value in unbroken.items())


def test_time_limit_stops_with_a_checkpoint(scenes, tmp_path):
    unbroken = train(scenes, tmp_path / "unbroken")
    for _ in range(TINY.steps):
        limited = train(scenes, tmp_path / "limited", minutes=0)
    assert all(torch.equal(value, limited[name]) for name, value in unbroken.items())
    assert len((tmp_path / "limited" / "log.csv").read_text().splitlines()) == 1 + TINY.steps


def test_a_log_exists_when_the_first_process_starts_it(tmp_path):
    telemetry = Telemetry(tmp_path / "log.csv", 10)
    assert not telemetry.path.exists()
    telemetry.start()
    assert telemetry.path.read_text() == telemetry.header


def test_a_checkpoint_travels_in_files_of_the_networks_size(scenes, tmp_path):
    train(scenes, tmp_path)
    (folder,) = tmp_path.glob("checkpoint-*")
    files = sorted(path.name for path in folder.iterdir())
    parts = ("averaged", "exp_avg", "exp_avg_sq", "model", "momentum_buffer")
    assert files == [f"{part}.safetensors" for part in parts]
    base = sum(p.numel() for p in SqueezeSam(variant_config("base")).parameters())
    nano = sum(p.numel() for p in SqueezeSam(variant_config("nano")).parameters())
    largest = max(path.stat().st_size for path in folder.iterdir())
    assert largest / nano * base < 24 * 2**20


def test_a_foreign_checkpoint_is_refused(scenes, tmp_path):
    (tmp_path / "checkpoint-00000001").mkdir()
    (tmp_path / "checkpoint-00000001" / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="start afresh"):
        train(scenes, tmp_path)


@pytest.mark.slow
def test_training_learns_a_bright_ellipse(scenes, tmp_path):
    config = dataclasses.replace(
        TINY, stages=(Stage(64, 150, 4),), learning_rate=4e-3, warmup=5, checkpoint_every=1000
    )
    train(scenes, tmp_path, config)
    log = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    # The first line is of batches 1 to 50, in which most of the ellipse is learned already.
    assert log["loss"][-1] < 0.95 * log["loss"][0]
    assert log["iou_first"][-1] > log["iou_first"][0] > 0.4
    assert log["iou_first"][-1] > 0.6


TWO_PROCESSES = """
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from squeezesam.networks.configs import variant_config
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.spec import input_specs
from squeezesam.training.losses import click_loss
from squeezesam.training.processes import joined_processes

torch.set_num_threads(1)
torch.manual_seed(0)
model = SqueezeSam(variant_config("nano"), 64).double()
batch = [torch.randn(8, *spec.shape[1:]).double() for spec in input_specs(64)]
target = (torch.rand(8, 1, 32, 32) > 0.5).double()
whole = torch.rand(8).double()
with joined_processes() as processes:
    network = processes.distributed(model)
    share = processes.share_of(8)
    own = slice(processes.rank * share, (processes.rank + 1) * share)
    logits, iou = network(*(part[own] for part in batch))
    click_loss(logits, iou, target[own], target[own], whole[own]).backward()
    if processes.is_first:
        tensors = {name: p.grad.clone() for name, p in model.named_parameters()}
        tensors |= {name: buffer.clone() for name, buffer in model.named_buffers()}
        save_file(tensors, Path(sys.argv[1]))
"""


def test_two_processes_give_the_gradients_of_one(tmp_path):
    assert_two_give_the_gradients_of_one(TWO_PROCESSES, tmp_path)


@pytest.mark.parametrize("text", ["256", "256:10", "a:b:c", "250:10:4", "256:0:4", "256:1:-4"])
def test_stages_are_checked(text):
    with pytest.raises(ConfigError):
        Stage.parse(text)


@pytest.mark.parametrize("idea", SWITCHES)
def test_every_idea_can_be_switched_off(idea):
    whole = recipe("general")
    assert without(whole, idea) != whole
    assert without(without(whole, idea), idea) == without(whole, idea)


def test_command_trains_and_writes_loadable_weights(scenes, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["train", "--data", str(scenes), "--out", str(out), "--variant", "nano"]
    assert main([*arguments, "--stage", "64:2:2", "--workers", "0"]) == 0
    assert load_weights(out / "nano.safetensors", 64)[0] == "nano"
    assert "wrote" in capsys.readouterr().out


def test_dry_run_says_what_would_be_used_and_writes_nothing(scenes, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["train", "--data", str(scenes), "--out", str(out), "--variant", "nano"]
    assert main([*arguments, "--stage", "64:20:2", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "shapes" in text
    assert "20 batches of 2 at 64 px: 40 samples" in text
    assert not out.exists()


@pytest.mark.parametrize(
    "extra",
    [
        ["--variant", "reference"],
        ["--variant", "giant"],
        ["--stage", "7:7"],
        ["--init", "missing.safetensors"],
        ["--data", "nowhere"],
        ["--recipe", "cake"],
        ["--without", "sugar"],
        ["--share", "shapes"],
        ["--share", "unknown=0.5"],
    ],
)
def test_command_refuses_bad_input_in_one_line(scenes, tmp_path, capsys, extra):
    arguments = ["train", "--data", str(scenes), "--out", str(tmp_path / "run")]
    assert main([*arguments, *extra]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_torch_without_muon_is_named(scenes, tmp_path, capsys, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    arguments = ["train", "--data", str(scenes), "--out", str(tmp_path / "run")]
    assert main([*arguments, "--variant", "nano", "--stage", "64:2:2", "--workers", "0"]) == 2
    assert "training needs torch 2.9 or later" in capsys.readouterr().err


def test_module_runs_like_the_command():
    text = subprocess.run(
        [sys.executable, "-m", "squeezesam", "train", "--help"],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    ).stdout
    assert "--dry-run" in text
