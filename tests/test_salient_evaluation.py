"""Evaluation without clicks: protocol `salient` of `squeezesam eval`, and `squeezesam saliency`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bright_networks import bright_detector, bright_network
from conftest import write_scene
from small_networks import run
from test_evaluation import DamagedMask, Memory, StoredMask

from squeezesam.data.open import open_datasets
from squeezesam.data.records import AnnotatedImage, Annotation
from squeezesam.errors import ConfigError, DataError
from squeezesam.evaluation.run import evaluate
from squeezesam.evaluation.saliency import at_mask_size, evaluate_heat, heat_on_photo, heat_table
from squeezesam.evaluation.salient_protocol import SalientProtocol
from squeezesam.evaluation.targets import PackedMask, WantedObject
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.inference.saliency_prompt import ClickSampling
from squeezesam.networks.configs import DETECTORS
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.weights import save_weights

BRIGHT = Path("bright.safetensors")


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """Six scenes in folder `shapes` of the current directory; scene5 is held out."""
    monkeypatch.chdir(tmp_path)
    for seed in range(6):
        write_scene(Path("shapes"), f"scene{seed}", seed)
    return open_datasets(Path("shapes"))[0]


@pytest.fixture
def bright(monkeypatch):
    """What has `squeezesam saliency` load the detector of what is bright."""
    monkeypatch.setattr(
        "squeezesam.inference.load.load", lambda path, **_: {BRIGHT: bright_detector}[path]
    )
    return ["--detector", BRIGHT]


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """Weights of a detector to which everything is an object."""
    model = SaliencyDetector(DETECTORS["saliency"]).eval()
    with torch.no_grad():
        model.heat_head.weight.zero_()
        model.heat_head.bias.fill_(9.0)
    path = tmp_path_factory.mktemp("detector") / "saliency.safetensors"
    save_weights(model, path, "saliency", torch.float16)
    return path


def blind_detector(image):
    return bright_detector(image) * 0 - 9


def results_of(predictor, dataset, protocol):
    (result,) = evaluate(predictor, dataset, {"salient": protocol}).protocols
    return result.objects


def test_the_automatic_mask_is_judged_without_a_click(shapes):
    predictor = SaliencyPredictor(bright_network, bright_detector)
    results = results_of(predictor, shapes, SalientProtocol())
    assert len(results) == 6
    for result in results:
        assert len(result.ious) == len(result.boundary_ious) == 3
        assert result.ious[0] > 0.9


def test_where_nothing_stands_out_the_mask_is_empty_and_then_corrected(shapes):
    predictor = SaliencyPredictor(bright_network, blind_detector)
    for result in results_of(predictor, shapes, SalientProtocol(corrections=1)):
        assert result.ious[0] == 0
        assert result.ious[1] > 0.9


def test_a_right_mask_is_left_alone():
    """Nothing to correct: later attempts repeat the answer instead of asking again."""
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:60] = True
    photo = np.where(mask[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    predictor = SaliencyPredictor(bright_network, bright_detector)
    predictor.set_image(photo)
    answer = predictor.predict(multimask_output=False)[0][0]
    attempts = list(
        SalientProtocol(corrections=2).attempts(predictor, WantedObject(0, PackedMask.of(answer)))
    )
    assert len(attempts) == 3
    assert attempts[0].prompts.coords.shape == (5, 2)
    assert attempts[2] is attempts[1] is attempts[0]


def test_corrections_come_after_the_automatic_clicks():
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[20:40, 30:60] = 255
    target = np.zeros((60, 80), bool)
    target[20:40, 10:60] = True
    predictor = SaliencyPredictor(bright_network, bright_detector)
    predictor.set_image(photo)
    first, second = SalientProtocol(corrections=1).attempts(
        predictor, WantedObject(0, PackedMask.of(target))
    )
    assert np.array_equal(second.prompts.coords[:5], first.prompts.coords)
    assert second.prompts.labels.tolist() == [1] * 6
    x, y = second.prompts.coords[5].astype(int)
    assert target[y, x]
    assert not first.mask[y, x]


def test_the_largest_object_is_the_one_to_find():
    small, large = np.zeros((9, 9), bool), np.ones((9, 9), bool)
    small[0, 0] = True
    targets = [WantedObject(0, PackedMask.of(small)), WantedObject(1, PackedMask.of(large))]
    assert SalientProtocol().chosen(targets) == [targets[1]]
    assert not SalientProtocol().chosen([])


def test_the_protocol_needs_a_detector(shapes):
    with pytest.raises(ConfigError, match="needs the detector"):
        results_of(SamPredictor(bright_network), shapes, SalientProtocol())


@pytest.mark.usefixtures("shapes")
def test_eval_by_the_command(weights, detector, capsys):
    arguments = ["--data", "shapes", "--limit", "2", "--model", weights, "--size", "64"]
    arguments += ["--protocol", "salient", "--detector", detector]
    assert run("eval", *arguments, "--out", "whole") == 0
    out = capsys.readouterr().out
    assert "IoU, no click" in out
    assert "nano.safetensors with saliency.safetensors at 64 px" in out
    assert run("eval", *arguments, "--sampling", "clicks=1", "--out", "one") == 0
    assert "saliency.safetensors, clicks 1" in capsys.readouterr().out
    subject = json.loads(Path("one/results.json").read_text())["subject"]
    assert sorted(subject["files"]) == ["nano.safetensors", "saliency.safetensors"]
    assert Path("one/contact_sheet_shapes_salient.jpg").exists()


@pytest.mark.usefixtures("shapes")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--detector", "missing.safetensors"], "no weights file missing.safetensors"),
        (["--baseline", "grabcut"], "leave --baseline out"),
        (["--baseline", "grabcut", "--detector", "d.safetensors"], "--baseline stands alone"),
        (["--sampling", "clicks=6"], "clicks=6 must be from 1 to 5"),
        (["--sampling", "clicks"], "is not NAME=NUMBER"),
        (["--sampling", "heat=5"], "with a name of threshold, peak"),
        (["--sampling", "clicks=-1"], "is not NAME=NUMBER"),
    ],
)
def test_bad_arguments_of_eval(weights, detector, arguments, message, capsys):
    if "--baseline" not in arguments:
        arguments = ["--detector", detector, "--model", weights, *arguments]
    assert run("eval", "--data", "shapes", "--protocol", "salient", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.splitlines()[-1].startswith("squeezesam eval: ")


@pytest.mark.usefixtures("shapes")
@pytest.mark.parametrize("option", [("--detector", "d.safetensors"), ("--sampling", "clicks=1")])
def test_options_of_the_automatic_mask_are_refused_where_clicks_are_given(option, capsys):
    assert run("eval", "--data", "shapes", *option) == 2
    assert f"{option[0]} is for --protocol salient" in capsys.readouterr().err


def test_heat_of_bright_ellipses_is_good(shapes):
    evaluation = evaluate_heat(bright_detector, shapes, None)
    assert [result.photo for result in evaluation.results] == [f"scene{n}.jpg" for n in range(6)]
    for result in evaluation.results:
        assert result.iou > 0.9
        assert result.s_measure > 0.9
        assert result.mae < 0.1
    blind = evaluate_heat(blind_detector, shapes, 2)
    assert len(blind.results) == 2
    assert all(result.iou == 0 and result.mae > 0.1 for result in blind.results)


def test_heat_lies_where_the_photo_is():
    """On a photo of which only a corner is bright, whatever its shape."""
    for height, width in ((60, 100), (100, 60), (333, 512)):
        photo = np.zeros((height, width, 3), np.uint8)
        photo[: height // 2, : width // 3] = 255
        heat = heat_on_photo(bright_detector, photo)
        assert heat.shape == (height, width)
        assert np.count_nonzero((heat > 0.5) != (photo[..., 0] > 0)) < 0.01 * heat.size


def test_logits_at_mask_size_keep_their_place():
    logits = torch.arange(16.0).view(1, 1, 4, 4)
    enlarged = at_mask_size(logits)
    assert enlarged.shape == (1, 1, 8, 8)
    torch.testing.assert_close(
        torch.nn.functional.avg_pool2d(enlarged, 2)[0, 0, 1:3, 1:3], logits[0, 0, 1:3, 1:3]
    )


def test_damaged_masks_are_left_out_and_named(shapes):
    image = shapes[0]
    broken = Annotation(DamagedMask(), 500, "whole")
    smaller = Annotation(StoredMask(np.ones((5, 5), bool)), 5000, "whole")
    photos = [
        AnnotatedImage(name, image.source, image.width, image.height, annotations)
        for name, annotations in (
            ("good.jpg", image.annotations),
            ("broken.jpg", (broken,)),
            ("smaller.jpg", (smaller,)),
            ("nothing.jpg", ()),
        )
    ]
    evaluation = evaluate_heat(bright_detector, Memory(photos), None)
    assert [result.photo for result in evaluation.results] == ["good.jpg"]
    assert {"photo 1", "photo 2"} <= {skipped.name for skipped in evaluation.skipped}
    assert "memory skipped" in heat_table([evaluation])
    with pytest.raises(DataError, match="holds no whole object"):
        evaluate_heat(bright_detector, Memory(photos[1:]), None)


def test_saliency_by_the_command(shapes, bright, capsys):
    assert run("saliency", "--data", "shapes", *bright, "--out", "heat.json") == 0
    out, err = capsys.readouterr()
    assert not err
    header, _, row = out.splitlines()
    assert header.split("|")[1].strip() == "data set"
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:2] == ["shapes", str(len(shapes))]
    assert float(cells[3]) > 0.9
    (data,) = json.loads(Path("heat.json").read_text())
    assert [photo["photo"] for photo in data["photos"]] == [f"scene{n}.jpg" for n in range(6)]
    assert data["photos"][0].keys() == {"photo", "mae", "s_measure", "iou"}
    assert data["skipped"] == []
    assert f"{np.mean([photo['mae'] for photo in data['photos']]):.3f}" in cells[2]


@pytest.mark.usefixtures("shapes")
def test_the_held_out_photos_alone(bright, capsys):
    arguments = ["saliency", "--data", "shapes", *bright, "--held-out", "--out", "heat.json"]
    assert run(*arguments) == 0
    (data,) = json.loads(Path("heat.json").read_text())
    assert [photo["photo"] for photo in data["photos"]] == ["scene5.jpg"]
    assert "| shapes" in capsys.readouterr().out


@pytest.mark.usefixtures("shapes")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "shapes", "--limit", "0"], "--limit 0 must be at least 1"),
        (["--data", "nowhere"], "nowhere"),
        (["--data", "shapes", "--detector", "missing.safetensors"], "no weights file"),
    ],
)
def test_bad_arguments_of_saliency(arguments, message, capsys):
    assert run("saliency", *arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.usefixtures("shapes")
def test_weights_that_are_no_detector(weights, capsys):
    assert run("saliency", "--data", "shapes", "--detector", weights) == 2
    assert "give weights of a salient-object detector" in capsys.readouterr().err


def test_sampling_changes_what_is_found(shapes):
    strict = SaliencyPredictor(
        bright_network, bright_detector, sampling=ClickSampling(smallest_per_mille=1000)
    )
    results = results_of(strict, shapes, SalientProtocol(corrections=0))
    assert all(result.ious == (0.0,) for result in results)
