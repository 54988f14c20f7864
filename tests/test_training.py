import dataclasses

import numpy as np
import pytest
import torch

from squeezesam.cli import main
from squeezesam.config import variant_config
from squeezesam.errors import ConfigError, WeightsError
from squeezesam.network.model import SqueezeSam
from squeezesam.spec import PointLabel
from squeezesam.training.checkpoint import Checkpoint
from squeezesam.training.clicks import (
    PromptConfig,
    append_click,
    erosion_depth,
    error_click,
    opening_prompts,
)
from squeezesam.training.config import Stage, TrainConfig
from squeezesam.training.loop import Trainer
from squeezesam.training.losses import click_loss, mask_ious
from squeezesam.weights import load_weights


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def disc(side, cx, cy, radius):
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return ((x - cx) ** 2 + (y - cy) ** 2 < radius**2)[None, None]


def test_depth_counts_the_distance_to_the_border():
    error = torch.zeros(1, 1, 64, 64)
    error[..., 10:21, 30:41] = 1  # 11 x 11
    depth = erosion_depth(error)
    assert depth[0, 0, 15, 35] == 1 + 6
    assert depth[0, 0, 10, 35] == 1 + 1
    assert depth[0, 0, 9, 35] == 0


@pytest.mark.parametrize("seed", range(8))
def test_clicks_land_on_the_error_with_its_label(seed):
    target = torch.cat([disc(128, 40, 60, 25), disc(128, 90, 30, 3)])
    answer = torch.cat([disc(128, 40, 60, 10), disc(128, 80, 90, 20) | disc(128, 90, 30, 3)])
    coords, labels = error_click(target, answer, generator(seed))
    x, y = (coords[:, 0] / 2).long().unbind(dim=1)
    assert labels[:, 0].tolist() == [PointLabel.POSITIVE, PointLabel.NEGATIVE]
    assert target[0, 0, y[0], x[0]]
    assert not answer[0, 0, y[0], x[0]]
    assert answer[1, 0, y[1], x[1]]
    assert not target[1, 0, y[1], x[1]]


def test_a_perfect_answer_gets_no_click():
    target = disc(64, 30, 30, 10)
    assert error_click(target, target, generator())[1].tolist() == [[PointLabel.PAD]]


def test_a_one_pixel_object_is_still_clicked():
    target = disc(256, 200, 17, 1)
    coords, labels = error_click(target, torch.zeros_like(target), generator())
    assert labels.item() == PointLabel.POSITIVE
    assert (coords / 2).floor().tolist() == [[[200, 17]]]


def test_opening_prompts_say_what_the_chances_say():
    target = disc(64, 30, 30, 12).expand(64, -1, -1, -1)
    only_box = PromptConfig(box=1.0, box_and_click=0, background_click=0)
    coords, labels = opening_prompts(target, only_box, generator())
    assert (labels[:, :-2] == PointLabel.PAD).all()
    assert (labels[:, -2:] == torch.tensor([2, 3])).all()
    sides = coords[:, -1] - coords[:, -2]
    assert ((sides > 2 * 23 * 0.8) & (sides < 2 * 23 * 1.2)).all()
    only_click = PromptConfig(box=0, box_and_click=0, background_click=0)
    _, labels = opening_prompts(target, only_click, generator())
    assert (labels[:, 13] == PointLabel.POSITIVE).all()
    assert (labels != PointLabel.PAD).sum() == 64


def test_the_oldest_click_gives_way():
    coords = torch.arange(16.0).view(1, 16, 1).expand(-1, -1, 2)
    labels = torch.arange(16)[None]
    coords, labels = append_click(
        coords, labels, (torch.full((1, 1, 2), 99.0), torch.tensor([[1]]))
    )
    assert labels.tolist() == [[*range(1, 14), 1, 14, 15]]
    assert coords[0, 13].tolist() == [99, 99]


def test_loss_prefers_the_right_masks_and_ious():
    target = disc(32, 16, 16, 8).float()
    right = (target - 0.5).expand(-1, 4, -1, -1) * 20
    whole = torch.ones(1)
    perfect = click_loss(right, torch.ones(1, 4), target, whole)
    assert perfect < 0.05
    assert click_loss(right, torch.zeros(1, 4), target, whole) > perfect + 0.2
    assert click_loss(-right, torch.ones(1, 4), target, whole) > 5
    one_right = torch.cat([right[:, :2], -right[:, 2:]], dim=1)
    answers = torch.tensor([[1.0, 1, 0, 0]])
    assert click_loss(one_right, answers, target, whole) < 0.05
    parts = click_loss(
        torch.cat([-right[:, :1], right[:, 1:]], dim=1), answers * 0, target, whole * 0
    )
    assert parts < 1
    assert mask_ious(one_right, target > 0.5).tolist() == [[1, 1, 0, 0]]


TINY = TrainConfig(stages=(Stage(64, 4, 2), Stage(96, 2, 2)), workers=0, checkpoint_every=1)


def train(scenes, folder, config=TINY):
    torch.manual_seed(0)
    model = SqueezeSam(variant_config("nano"))
    return Trainer(model, scenes, config, folder).run().state_dict()


def test_a_killed_run_resumes_to_the_same_weights(scenes, tmp_path, monkeypatch):
    unbroken = train(scenes, tmp_path / "unbroken")

    save = Checkpoint.save

    def killed(self, step):
        save(self, step)
        if step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        train(scenes, tmp_path / "broken")
    monkeypatch.setattr(Checkpoint, "save", save)
    resumed = train(scenes, tmp_path / "broken")
    for name, value in unbroken.items():
        assert torch.equal(value, resumed[name]), name


def test_a_foreign_checkpoint_is_refused(scenes, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="start afresh"):
        train(scenes, tmp_path)


def test_training_learns_a_bright_ellipse(scenes, tmp_path):
    steps = dataclasses.replace(
        TINY, stages=(Stage(64, 150, 4),), learning_rate=4e-3, warmup=5, checkpoint_every=1000
    )
    train(scenes, tmp_path, steps)
    log = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    assert log["loss"][-1] < 0.75 * log["loss"][0]
    assert log["iou_first"][-1] > 0.5


@pytest.mark.parametrize("text", ["256", "256:10", "a:b:c", "250:10:4", "256:0:4", "256:1:-4"])
def test_stages_are_checked(text):
    with pytest.raises(ConfigError):
        Stage.parse(text)


def test_command_trains_and_writes_loadable_weights(scenes, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["train", "--data", str(scenes), "--out", str(out), "--variant", "nano"]
    assert main([*arguments, "--stage", "64:2:2", "--workers", "0"]) == 0
    assert load_weights(out / "nano.safetensors", 64)[0] == "nano"
    assert "wrote" in capsys.readouterr().out


@pytest.mark.parametrize(
    "extra",
    [
        ["--variant", "reference"],
        ["--variant", "giant"],
        ["--stage", "7:7"],
        ["--init", "missing.safetensors"],
        ["--data", "nowhere"],
    ],
)
def test_command_refuses_bad_input_in_one_line(scenes, tmp_path, capsys, extra):
    arguments = ["train", "--data", str(scenes), "--out", str(tmp_path / "run")]
    assert main([*arguments, *extra]) == 2
    assert capsys.readouterr().err.count("\n") == 1
