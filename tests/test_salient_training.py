"""Training of the salient-object detector: its samples, its trainer and its command."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from conftest import write_scene
from PIL import Image
from several_processes import ALONE
from small_networks import random_network, run
from torch.nn import functional as F

from squeezesam.commands.training import without_held_out
from squeezesam.data.encoded_masks import encode_rle
from squeezesam.data.open import open_datasets
from squeezesam.data.records import HALF, Prominence, is_held_out, prominent
from squeezesam.errors import ConfigError, DataError
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import Letterbox
from squeezesam.networks.configs import DETECTORS, DetectorConfig
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.weights import load_weights, save_weights, shipped_weights
from squeezesam.spec import DETECTOR, POINT_SLOTS, MapChannel, input_specs
from squeezesam.training.config import Stage, TrainConfig
from squeezesam.training.salient_samples import SalientConfig, SalientSamples, empty_window
from squeezesam.training.samples import CropConfig, SampleConfig
from squeezesam.training.trainers import SalientTrainer

SMALL = DetectorConfig(
    stem=8, encoder=(16, 24, 32, 48), blocks=(1, 1, 1, 1), decoder=(32, 24, 16, 8)
)
PLAIN = SampleConfig(mirror=0, crop=CropConfig(chance=0))


def samples(scenes, config=PLAIN, **salient):
    return SalientSamples(
        open_datasets(scenes), np.ones(1), 64, [0], config, SalientConfig(**salient)
    )


def covers(shape, *rectangles):
    mask = np.zeros(shape, np.uint8)
    for left, top, right, bottom in rectangles:
        mask[top:bottom, left:right] = 255
    return mask


def annotated(tmp_path, *objects, height=72, width=96):
    """A black photo with whole objects, white rectangles, read back from a folder."""
    folder = tmp_path / "objects"
    folder.mkdir(exist_ok=True)
    shape = (height, width)
    Image.fromarray(covers(shape, *objects)).convert("RGB").save(folder / "a.png")
    masks = [covers(shape, one) > HALF for one in objects]
    annotations = [
        {
            "segmentation": {"size": shape, "counts": encode_rle(mask).counts},
            "area": int(mask.sum()),
            "kind": "whole",
        }
        for mask in masks
    ]
    info = {"file_name": "a.png", "width": width, "height": height}
    (folder / "a.json").write_text(json.dumps({"image": info, "annotations": annotations}))
    return open_datasets(folder)[0][0]


@pytest.mark.parametrize("config", [PLAIN, SampleConfig()])
def test_a_sample_is_the_photo_with_its_object(scenes, config):
    drawn = samples(scenes, config, nothing=0.0)
    for index in range(10):
        photo, masks, weight, skipped = drawn[index]
        assert photo.shape == (3, 64, 64)
        assert masks.shape == (2, 32, 32)
        assert torch.equal(masks[0], masks[1])
        assert weight == 1
        assert not skipped
        red = F.avg_pool2d(photo[:1].float(), 2)[0]
        assert red[masks[0] == 255].mean() > 200
        assert red[masks[0] == 0].mean() < 140


def test_samples_of_background_alone_show_nothing(tmp_path):
    """Windows are at least 96 pixels wide, so the photo has to have room for one."""
    annotated(tmp_path, (10, 10, 130, 180), height=300, width=400)
    drawn = samples(tmp_path, nothing=1.0)
    weights = []
    for index in range(20):
        photo, masks, weight, _ = drawn[index]
        weights.append(float(weight))
        assert masks.any() == bool(weight)
        assert (photo == 255).any() == bool(weight)
    assert weights.count(0) > 10


def test_where_the_object_leaves_no_room_it_is_shown(scenes):
    drawn = samples(scenes, nothing=1.0)
    assert all(drawn[index].whole == 1 for index in range(5))


def test_samples_depend_on_their_index_alone(scenes):
    one, other = samples(scenes, SampleConfig()), samples(scenes, SampleConfig())
    assert all(torch.equal(a, b) for a, b in zip(one[7][:3], other[7][:3], strict=True))


def test_a_window_without_the_object():
    target = covers((100, 120), (0, 0, 60, 100))
    rng = np.random.default_rng(0)
    for _ in range(20):
        window = empty_window(target, rng)
        if window is not None:
            left, top, right, bottom = window.clipped(120, 100)
            assert left >= 60
            assert 0 <= top < bottom <= 100
            assert right <= 120
    assert empty_window(covers((100, 120), (0, 0, 120, 100)), rng) is None
    assert empty_window(covers((20, 20)), rng) is None


def test_objects_of_nearly_the_largest_size_are_prominent_together(tmp_path):
    large, similar, small = (0, 0, 30, 30), (50, 0, 68, 18), (80, 50, 90, 60)
    image = annotated(tmp_path, small, large, similar)
    together = prominent(image, Prominence())
    assert np.array_equal(together, covers((72, 96), large, similar))
    alone = prominent(image, Prominence(similar=1.0))
    assert np.array_equal(alone, covers((72, 96), large))


def test_too_small_an_object_is_not_prominent(tmp_path):
    image = annotated(tmp_path, (0, 0, 10, 10))
    assert prominent(image, Prominence(smallest=0.02)) is None
    assert prominent(image, Prominence(smallest=0.01)) is not None
    assert prominent(annotated(tmp_path), Prominence()) is None


def test_a_mask_of_another_size_than_its_photo_is_damaged(tmp_path):
    image = dataclasses.replace(annotated(tmp_path, (0, 0, 30, 30)), width=95)
    with pytest.raises(DataError, match=r"a mask of a\.png is 96x72, the photo is 95x72"):
        prominent(image, Prominence())


def test_training_learns_a_bright_ellipse(scenes, tmp_path):
    torch.manual_seed(1)  # with 0 the eight features of this small head start dead on the object
    config = TrainConfig(
        stages=(Stage(64, 80, 4),),
        workers=0,
        precision="fp32",
        learning_rate=1e-2,
        warmup=5,
        checkpoint_every=1000,
    )
    trainer = SalientTrainer(
        SaliencyDetector(SMALL, 64), open_datasets(scenes), config, tmp_path, ALONE
    )
    _, done = trainer.run()
    assert done == 80
    log = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    assert log["loss"][-1] < 0.8 * log["loss"][0]
    assert log["iou_first"][-1] > 0.4
    assert (log["iou_first"] == log["iou_last"]).all()


@pytest.mark.parametrize(("stage", "message"), [("96:1:2", "multiple of 64"), ("64:1:1", "larger")])
def test_stages_that_the_detector_cannot_be_trained_on(scenes, tmp_path, capsys, stage, message):
    out = tmp_path / "run"
    arguments = ["train", "--data", scenes, "--out", out, "--variant", "saliency"]
    assert run(*arguments, "--stage", "128:1:2", "--stage", stage, "--workers", "0") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err
    assert not out.exists()


def test_the_command_trains_a_detector(scenes, tmp_path, capsys):
    arguments = ["train", "--data", scenes, "--variant", "saliency", "--recipe", "saliency"]
    arguments += ["--stage", "64:2:2", "--workers", "0"]
    assert run(*arguments, "--out", tmp_path / "run") == 0
    weights = tmp_path / "run" / "saliency.safetensors"
    assert load_weights(weights, 64, DETECTOR)[0] == "saliency"
    assert f"wrote {weights}" in capsys.readouterr().out
    assert run(*arguments, "--out", tmp_path / "next", "--init", weights, "--dry-run") == 0


def test_held_out_photos_are_never_trained_on(scenes, tmp_path, capsys):
    write_scene(scenes / "other", "scene5", 5)
    kept, other = without_held_out(open_datasets(scenes / "shapes", scenes / "other"), ["shapes"])
    names = [kept[place].name for place in range(len(kept))]
    assert len(names) == 5
    assert not any(map(is_held_out, names))
    assert [other[0].name] == ["scene5.jpg"]
    assert is_held_out("scene5.jpg")
    arguments = ["train", "--data", scenes / "shapes", "--out", tmp_path / "run", "--dry-run"]
    assert run(*arguments, "--hold-out", "shapes") == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("shapes"))
    assert row.split()[1] == "5"
    assert run(*arguments, "--hold-out", "ecssd") == 2
    assert "no data set 'ecssd' to hold out of; there are shapes" in capsys.readouterr().err


def base_network(size):
    """The shipped weights without the masks' own filters, which come from tokens of prompts."""
    network = load_weights(shipped_weights("base"), size)[1]
    torch.nn.init.zeros_(network.filter_head.weight)
    torch.nn.init.zeros_(network.filter_head.bias)
    return network


def detector_like(network, size):
    return SaliencyDetector(DetectorConfig(**dataclasses.asdict(network.config)), size).eval()


def unasked(network, image):
    """What a SqueezeSAM answers to no prompt at all, on the image at half its size."""
    half = F.avg_pool2d(image, 2)
    _, maps, tokens = (torch.zeros(spec.shape) for spec in input_specs(half.shape[-1]))
    assert maps.shape[1] == len(MapChannel)
    assert tokens.shape[1] > POINT_SLOTS
    with torch.no_grad():
        return network(half, maps, tokens)[0][:, :1]


def test_a_detector_starts_from_a_squeezesam():
    """Equal but for the empty prompt tokens, which have no part in attention that is silent."""
    torch.manual_seed(0)
    network = base_network(64)
    for layer in network.transformer:
        torch.nn.init.zeros_(layer.attention.out.bn.weight)
        torch.nn.init.zeros_(layer.attention.out.bn.bias)
    detector = detector_like(network, 128)
    detector.start_from(network)
    image = torch.rand(2, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        heat = detector(image)
    expected = torch.cat([unasked(network, one[None]) for one in image])
    assert heat.shape == (2, 1, 32, 32)
    assert heat.std() > 0.01
    torch.testing.assert_close(heat, expected, atol=1e-4, rtol=1e-4)


def test_with_the_empty_tokens_it_starts_close():
    photo = read_photo(EXAMPLES[0].path)
    image = Letterbox.fit(photo.shape[1], photo.shape[0], 256).apply(photo)
    network = base_network(128)
    detector = detector_like(network, 256)
    detector.start_from(network)
    with torch.no_grad():
        pair = torch.stack([detector(image).flatten(), unasked(network, image).flatten()])
    assert torch.corrcoef(pair)[0, 1] > 0.98


def test_only_a_squeezesam_of_its_widths_can_start_it(scenes, tmp_path, capsys):
    with pytest.raises(ConfigError, match="same encoder"):
        SaliencyDetector(DETECTORS["saliency"], 64).start_from(random_network(0))
    nano, detector = tmp_path / "nano.safetensors", tmp_path / "saliency.safetensors"
    save_weights(random_network(0), nano, "nano", torch.float32)
    save_weights(SaliencyDetector(DETECTORS["saliency"]), detector, "saliency", torch.float16)
    arguments = ["train", "--data", scenes, "--out", tmp_path / "run", "--dry-run"]
    assert run(*arguments, "--variant", "saliency", "--init", nano) == 2
    assert "same encoder" in capsys.readouterr().err
    assert run(*arguments, "--variant", "base", "--init", detector) == 2
    assert "'saliency' weights, not 'base'" in capsys.readouterr().err
