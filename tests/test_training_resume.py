"""What a resumed run must share with the one it goes on with, and what it must never lose."""

import dataclasses

import pytest
import torch
from conftest import write_scene
from test_training import TINY, train

from squeezesam.cli import main
from squeezesam.errors import ConfigError
from squeezesam.training.checkpoint import SkippedPhotos
from squeezesam.training.config import Stage, TrainConfig


@pytest.mark.parametrize("change", [{"seed": 7}, {"ema": 0.5}, {"rounds": (1.0,)}])
def test_another_recipe_does_not_go_on_with_a_run(scenes, tmp_path, change):
    train(scenes, tmp_path, minutes=0)
    name = next(iter(change))
    with pytest.raises(ConfigError, match=f"was made with {name}"):
        train(scenes, tmp_path, dataclasses.replace(TINY, **change))


def test_other_data_does_not_go_on_with_a_run(scenes, tmp_path):
    train(scenes, tmp_path, minutes=0)
    write_scene(scenes / "shapes", "one_more", 9)
    with pytest.raises(ConfigError, match="was made with data"):
        train(scenes, tmp_path)


def test_a_run_may_be_cut_short(scenes, tmp_path):
    train(scenes, tmp_path, minutes=0)
    shorter = dataclasses.replace(TINY, stages=(Stage(64, 2, 2),), workers=1)
    train(scenes, tmp_path, shorter)
    assert (tmp_path / "checkpoint-00000002").is_dir()


def test_copies_of_checkpoints_are_left_alone(scenes, tmp_path):
    train(scenes, tmp_path, minutes=0)
    (tmp_path / "checkpoint-00000001").rename(tmp_path / "checkpoint-backup")
    train(scenes, tmp_path)
    assert (tmp_path / "checkpoint-backup" / "model.safetensors").is_file()


def test_diverged_weights_never_replace_a_checkpoint(scenes, tmp_path, monkeypatch):
    train(scenes, tmp_path, minutes=0)

    def broken(self, _):
        with torch.no_grad():
            next(iter(self.model.parameters())).fill_(torch.nan)

    monkeypatch.setattr("squeezesam.training.loop.Trainer.update", broken)
    with pytest.raises(ConfigError, match="no longer finite after step 2"):
        train(scenes, tmp_path)
    assert (tmp_path / "checkpoint-00000001").is_dir()


def test_stages_of_one_size_see_different_samples(scenes, tmp_path):
    once = dataclasses.replace(TINY, stages=(Stage(64, 2, 2),))
    twice = dataclasses.replace(TINY, stages=(Stage(64, 1, 2), Stage(64, 1, 2)))
    assert once.steps == twice.steps
    first, second = train(scenes, tmp_path / "once", once), train(scenes, tmp_path / "twice", twice)
    assert any(not torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"learning_rate": -1.0},
        {"seed": -1},
        {"workers": -1},
    ],
)
def test_senseless_recipes_are_refused(change):
    with pytest.raises(ConfigError):
        TrainConfig(**change)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_unusable_data_is_one_line(tmp_path, capsys, workers):
    write_scene(tmp_path / "shapes", "a", 0)
    (tmp_path / "shapes" / "a.jpg").write_bytes(b"no photo")
    arguments = ["train", "--data", str(tmp_path / "shapes"), "--out", str(tmp_path / "run")]
    arguments += ["--variant", "nano", "--stage", "64:1:2", "--workers", workers]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("squeezesam train: no usable mask in 1000 draws")


def test_a_place_that_cannot_be_written_to_is_one_line(scenes, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    arguments = ["train", "--data", str(scenes), "--out", str(tmp_path / "file" / "run")]
    assert main([*arguments, "--variant", "nano", "--stage", "64:1:2", "--workers", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_skipped_photos_are_listed_across_resumes(scenes, tmp_path):
    (scenes / "shapes" / "scene2.jpg").write_bytes(b"no photo")
    (scenes / "shapes" / "lonely.json").write_text("{}")
    train(scenes, tmp_path)
    listed = dict(line.split("\t") for line in (tmp_path / "skipped.tsv").read_text().splitlines())
    assert listed["shapes/lonely.json"] == "it has no photo"
    resumed = SkippedPhotos(tmp_path, 0)
    resumed.start([])
    assert resumed.reasons == listed
