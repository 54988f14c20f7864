"""The person table: the same people under every model and every way of asking."""

from pathlib import Path

import pytest
import torch
from bright_networks import bright_detector, bright_network
from conftest import write_scene
from small_networks import run

from squeezesam.data.open import open_datasets
from squeezesam.evaluation.people import LargestObjects, PersonRow, person_rows, person_table
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.networks.building import build_trained
from squeezesam.networks.configs import DETECTORS, VARIANTS
from squeezesam.networks.weights import save_weights


@pytest.fixture
def people(tmp_path):
    """Two data sets of three and two photos with one person each."""
    for name, count in (("street", 3), ("beach", 2)):
        for seed in range(count):
            write_scene(tmp_path / "people" / name, f"scene{seed}", seed)
    return open_datasets(tmp_path / "people")


def blind_detector(image):
    return -10 + 0 * bright_detector(image)


def test_every_model_is_asked_in_every_way(people):
    predictors = {
        "good": SaliencyPredictor(bright_network, bright_detector),
        "blind": SaliencyPredictor(bright_network, blind_detector),
    }
    rows = list(person_rows(predictors, people))
    assert [row.name for row in rows] == [
        "good, one click",
        "good, no click",
        "blind, one click",
        "blind, no click",
    ]
    for row in rows:
        assert {name: len(photos) for name, photos in row.ious.items()} == {"beach": 2, "street": 3}
        wanted = 0 if row.name == "blind, no click" else 1
        for photos in row.ious.values():
            assert all(iou == pytest.approx(wanted, abs=0.1) for iou in photos.values())


def test_gains_are_means_over_people_and_not_over_sets():
    first = PersonRow("first", {"a": {"1": 0.5, "2": 0.5, "3": 0.5}, "b": {"1": 0.5}})
    second = PersonRow("second", {"a": {"1": 0.6, "2": 0.6, "3": 0.6}, "b": {"1": 0.9}})
    table = person_table([first, second]).splitlines()
    cells = [cell.strip() for cell in table[3].strip("|").split("|")]
    assert cells[0] == "second"
    assert cells[1].startswith("67.5 [")
    assert cells[2].startswith("+17.5 [")
    assert cells[3:] == ["60.0 [60.0, 60.0]", "90.0 [90.0, 90.0]"]
    assert "4 people" in table[-1]


def test_only_the_largest_person_of_a_photo_is_left(people):
    for dataset in people:
        for image in (LargestObjects(dataset)[place] for place in range(len(dataset))):
            assert len(image.annotations) == 1


@pytest.mark.usefixtures("people")
def test_the_command_prints_the_table(tmp_path, capsys):
    torch.manual_seed(0)
    paths = {}
    for name, config in (("nano", VARIANTS["nano"]), ("saliency", DETECTORS["saliency"])):
        paths[name] = Path(tmp_path / f"{name}.safetensors")
        save_weights(build_trained(config).eval(), paths[name], name, torch.float32)
    models = ["--model", paths["nano"], "--tuned", paths["nano"], "--detector", paths["saliency"]]
    assert run("people-table", "--data", tmp_path / "people" / "beach", *models) == 0
    out = capsys.readouterr().out
    assert "person-tuned model, no click" in out
    assert "2 people" in out


@pytest.mark.usefixtures("people")
def test_a_segmenter_is_no_detector(tmp_path, capsys):
    path = tmp_path / "nano.safetensors"
    save_weights(build_trained(VARIANTS["nano"]).eval(), path, "nano", torch.float32)
    assert run("people-table", "--data", tmp_path / "people", "--detector", path) == 2
    assert "'nano'; give weights of a salient-object detector" in capsys.readouterr().err
