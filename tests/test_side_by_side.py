"""`squeezesam compare`: models of the SAM family side by side."""

import json
from pathlib import Path

import numpy as np
import pytest
import stand_in_sam
import torch
from conftest import write_scene
from pillow_reference import picture_size
from small_networks import SIZE, run
from torch import nn

from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.evaluation.random_clicks import RandomClicks, drawn_clicks
from squeezesam.evaluation.targets import PackedMask, WantedObject
from squeezesam.inference.load import load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.networks.overview import macs_by_operator, parameters, unallocated
from squeezesam_benchmarks.side_by_side import click_times
from squeezesam_benchmarks.side_by_side.click_times import ClickTimes, ClickTiming, one_photo
from squeezesam_benchmarks.side_by_side.costs import cost_of, onnx_cost


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """Two scenes in folder `shapes` of the current directory."""
    monkeypatch.chdir(tmp_path)
    for seed in range(2):
        write_scene(Path("shapes"), f"scene{seed}", seed)
    return "shapes"


class Recorder:
    """A predictor that answers with three masks and keeps what it was asked."""

    def __init__(self, masks, ious):
        self.masks, self.ious, self.asked = masks, np.array(ious), []

    def set_image(self, image):
        self.asked.append(("photo", image))

    def predict(self, coords, labels, **options):
        self.asked.append((coords, labels, options))
        return self.masks, self.ious, np.zeros((len(self.masks), 8, 8), np.float32)


def target(seed):
    mask = np.random.default_rng(seed).random((30, 40)) < 0.2
    return WantedObject(0, PackedMask.of(mask))


def test_random_clicks_lie_inside_are_repeatable_and_spread_over_all_of_the_object():
    one = target(0)
    clicks = drawn_clicks(one, 200)
    assert clicks == drawn_clicks(one, 200)
    assert clicks[:3] == drawn_clicks(one, 3)
    assert len({(click.x, click.y) for click in clicks}) == len(clicks)
    assert all(one.mask[click.y, click.x] for click in clicks)
    assert np.mean([click.x for click in clicks]) == pytest.approx(20, abs=3)
    assert np.mean([click.y for click in clicks]) == pytest.approx(15, abs=3)
    assert clicks[:3] != drawn_clicks(target(1), 3)


def test_the_most_confident_mask_counts_and_several_clicks_are_given_at_once():
    one = target(0)
    nothing = np.zeros_like(one.mask)
    predictor = Recorder(np.stack([nothing, one.mask, nothing]), [0.4, 0.9, 0.5])
    attempts = list(RandomClicks(3).attempts(predictor, one))
    assert [attempt.predicted_iou for attempt in attempts] == [0.9, 0.9]
    assert all(np.array_equal(attempt.mask, one.mask) for attempt in attempts)
    assert [len(coords) for coords, _, _ in predictor.asked] == [1, 3]
    assert all(set(labels) == {1} for _, labels, _ in predictor.asked)


class Layers(nn.Module):
    """All that an ONNX graph multiplies with, for maps of 16 x 16."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, stride=2, groups=2)
        self.up = nn.ConvTranspose2d(8, 6, 2, stride=2)
        self.linear = nn.Linear(6, 10)

    def forward(self, image):
        tokens = self.up(self.conv(image)).flatten(2).transpose(1, 2)[0]
        mixed = self.linear(tokens)
        return mixed.T @ mixed


def test_macs_and_parameters_of_an_onnx_file_are_those_that_torch_counts(tmp_path):
    torch.manual_seed(0)
    network, path = Layers().eval(), tmp_path / "layers.onnx"
    image = torch.rand(1, 4, 16, 16)
    stand_in_sam.export(network, {"image": image}, {}, ["mixed"], path)
    cost = onnx_cost([(path, {"image": image.numpy()})])
    assert cost.macs == sum(macs_by_operator(network, [(1, 4, 16, 16)]).values())
    assert cost.parameters == parameters(network)
    assert cost.fp32_bytes == path.stat().st_size
    assert cost.int8_bytes == parameters(network)
    with pytest.raises(ArtifactError, match="does not run") as told:
        onnx_cost([(path, {"image": image[:, :3].numpy()})])
    assert "\n" not in str(told.value)


def test_an_exported_file_shows_the_sizes_of_its_target_and_the_cost_of_its_network(exported):
    nano = unallocated("nano", SIZE)
    sizes = {
        precision: (exported / f"nano_onnx_{precision}.onnx").stat().st_size
        for precision in ("fp32", "int8")
    }
    path = exported / "nano_onnx_int8.onnx"
    cost = cost_of(str(path), SamPredictor(load(path)))
    assert cost.parameters == parameters(nano)
    assert (cost.fp32_bytes, cost.int8_bytes) == (sizes["fp32"], sizes["int8"])
    # The exported network has embedded its grid once, before it runs.
    alone = onnx_cost_of(exported / "nano_onnx_fp32.onnx")
    assert alone.macs == pytest.approx(cost.macs, rel=0.02)


def onnx_cost_of(path):
    shapes = [spec.shape for spec in load(path).kind.inputs(SIZE)]
    names = load(path).kind.names()[0]
    feed = {n: np.zeros(shape, np.float32) for n, shape in zip(names, shapes, strict=True)}
    return onnx_cost([(path, feed)])


def test_weights_a_pair_and_a_baseline_stand_in_one_table(shapes, weights, stand_ins, capsys):
    pair = f"sam-onnx={stand_ins / 'sam.encoder.onnx'},{stand_ins / 'sam.decoder.onnx'}"
    models = [weights, pair, "grabcut"]
    places = ["--pictures", "pictures", "--json", "all.json"]
    assert run("compare", "--models", *models, "--data", shapes, "--rounds", 0, *places) == 0
    table = capsys.readouterr().out
    cost, accuracy = (
        {
            line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
            for line in part.splitlines()
            if line.startswith("| ")
        }
        for part in table.split("### Accuracy")
    )
    count = parameters(unallocated("nano"))
    assert cost["nano.safetensors"][0] == f"{count / 1e6:.2f}"
    assert cost["nano.safetensors"][3] == f"{count / 1e6:.1f}"
    assert cost["grabcut"] == ["-"] * 6
    assert "it is no network" in table
    # The stand-in finds what has the colour under a click, and fills a box: pi / 4 of an ellipse.
    pair_row = accuracy["sam-onnx=sam.encoder.onnx,sam.decoder.onnx"]
    # Of three random clicks one is on the blurred edge, which has a colour of its own.
    assert [float(cell.split()[0]) for cell in pair_row[:3]] == pytest.approx([100] * 3, abs=1)
    assert 50 < float(pair_row[3].split()[0]) < 100
    assert float(pair_row[4].split()[0]) == pytest.approx(78.5, abs=1)
    assert all("[" in cell for row in list(accuracy.values())[2:] for cell in row)
    content = json.loads(Path("all.json").read_text())
    assert [one["model"] for one in content["models"]] == [str(model) for model in models]
    names = [one["protocol"] for one in content["models"][0]["evaluation"]["data"][0]["protocols"]]
    assert names == ["clicks", "random", "box"]
    assert picture_size(Path("pictures/shapes_clicks.jpg"))[0] > 3 * 288
    assert Path("pictures/shapes_box.jpg").is_file()


def test_models_are_interleaved_and_one_that_fails_is_left_out(monkeypatch):
    asked = []

    def answer(_module, _job, subject):
        asked.append(subject)
        if subject == "bad":
            raise click_times.ArtifactError("it broke")
        return {"first_ms": [3.0], "later_ms": [1.0]}

    monkeypatch.setattr(click_times, "worker_answer", answer)
    models = ["a", "bad", "b"]
    times, failed = click_times.time_clicks(models, ClickTiming(rounds=3), lambda _: None)
    assert failed == {"bad": "it broke"}
    assert times["a"] == times["b"] == [ClickTimes((3.0,), (1.0,))] * 3
    assert asked.count("bad") == 1
    assert {*asked[:3]} == {*models}


def test_a_first_click_sets_the_photo_and_a_later_one_goes_on_from_its_mask():
    photo, clicks = np.zeros((4, 4, 3), np.uint8), np.ones((2, 2))
    predictor = Recorder(np.zeros((1, 4, 4), bool), [0.5])
    first_ms, later_ms = one_photo(predictor, photo, clicks)
    assert first_ms > 0
    assert later_ms > 0
    (kind, _), (one, _, _), (two, _, options) = predictor.asked
    assert (kind, len(one), len(two)) == ("photo", 1, 2)
    assert options["mask_input"].shape == (1, 8, 8)


@pytest.mark.slow
def test_clicks_are_timed_in_fresh_processes(shapes, weights, stand_ins, capsys):
    pair = f"sam-onnx={stand_ins / 'sam.encoder.onnx'},{stand_ins / 'sam.decoder.onnx'}"
    assert run("compare", "--models", weights, pair, "--data", shapes, "--rounds", 1) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    for row in lines[2:4]:
        first, later = (float(cell.split("[")[0]) for cell in row.split("|")[6:8])
        assert 0 < later < first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "base", "base"], "base is there twice"),
        (["--models", "missing.onnx"], "no artifact missing.onnx"),
        (["--models", "sam-onnx=one.onnx"], "must name ENCODER.onnx,DECODER.onnx"),
        (["--models", "base", "--limit", "0"], "--limit 0 must be at least 1"),
        (["--models", "base", "--threads", "99"], "threads=99 cannot be pinned here"),
        (["--models", "base", "--rounds", "-1"], "rounds=-1 must be at least 1"),
    ],
)
def test_bad_input_is_one_line(shapes, arguments, message, capsys):
    assert run("compare", *arguments, "--data", shapes) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert message in err


def test_places_that_would_be_lost_or_take_nothing_are_refused_before_the_work(shapes, capsys):
    words = ["compare", "--models", "grabcut", "--data", shapes, "--rounds", 0]
    photos = sorted(Path(shapes).iterdir())
    assert run(*words, "--pictures", shapes) == 2
    assert "shapes holds other files" in capsys.readouterr().err
    assert sorted(Path(shapes).iterdir()) == photos
    Path("file").touch()
    assert run(*words, "--json", "file/all.json") == 2
    assert "cannot write file" in capsys.readouterr().err


def test_a_protocol_of_no_clicks_is_refused():
    with pytest.raises(ConfigError, match="clicks=0 must be at least 1"):
        RandomClicks(0)
