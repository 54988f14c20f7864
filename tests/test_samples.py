"""Raw training samples: what is cropped, asked for and skipped."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from conftest import write_scene
from PIL import Image

from squeezesam.data.encoded_masks import encode_rle
from squeezesam.data.sa1b import Sa1bFolder
from squeezesam.errors import ConfigError, DataError
from squeezesam.spec import PAD_BYTE
from squeezesam.training.samples import (
    ClickSamples,
    CropConfig,
    MergeConfig,
    SampleConfig,
    collate,
    mixture,
    object_window,
)

PLAIN = SampleConfig(mirror=0, crop=CropConfig(chance=0))


def samples(folder, config=PLAIN, size=64, seed=0):
    return ClickSamples([Sa1bFolder.open(folder)], np.ones(1), size, [seed], config)


def test_samples_depend_on_seed_and_index_alone(scenes):
    def draw(seed, index):
        return samples(scenes / "shapes", SampleConfig(), seed=seed)[index]

    for a, b in zip(draw(3, 11)[:3], draw(3, 11)[:3], strict=True):
        assert torch.equal(a, b)
    drawn = {(seed, index): draw(seed, index).photo for seed in (3, 4) for index in range(8)}
    different = {photo.numpy().tobytes() for photo in drawn.values()}
    assert len(different) > 10


@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_photo_and_masks_stay_together(scenes, mirror):
    # The object is bright and the ground dark in every scene, however it is cropped and mirrored.
    drawn = samples(scenes / "shapes", SampleConfig(mirror=mirror))
    for index in range(20):
        photo, masks, whole, skipped = drawn[index]
        assert photo.shape == (3, 64, 64)
        assert masks.shape == (2, 32, 32)
        assert photo.dtype == masks.dtype == torch.uint8
        assert whole == 1
        assert not skipped
        red = torch.nn.functional.avg_pool2d(photo[:1].float(), 2)[0]
        assert red[masks[0] == 255].mean() > 200
        assert red[masks[0] == 0].mean() < 140


def test_padding_lies_right_and_below_even_when_mirrored(scenes):
    photo, masks, _, _ = samples(scenes / "shapes", dataclasses.replace(PLAIN, mirror=1.0))[0]
    assert (photo[:, 48:] == PAD_BYTE).all()
    assert (masks[:, 24:] == 0).all()
    assert photo[:, :48].float().std() > 10


def write_person(folder):
    """A person of kind `segment` with a shirt of kind `part`."""
    person, shirt = np.zeros((2, 72, 96), bool)
    person[10:66, 40:60] = True
    shirt[20:40, 40:60] = True
    write_scene(folder, "p", 0)
    annotations = [
        {
            "segmentation": {"size": [72, 96], "counts": encode_rle(mask).counts},
            "area": int(mask.sum()),
            "kind": kind,
        }
        for mask, kind in ((person, "whole"), (shirt, "part"))
    ]
    info = {"file_name": "p.jpg", "width": 96, "height": 72}
    (folder / "p.json").write_text(json.dumps({"image": info, "annotations": annotations}))


def test_a_click_on_a_part_asks_for_the_whole(tmp_path):
    write_person(tmp_path)
    always = dataclasses.replace(PLAIN, part=1.0, merge=MergeConfig(chance=1.0))
    _, (target, asked), whole, _ = samples(tmp_path, always)[0]
    assert whole == 1
    assert target.count_nonzero() > 2 * asked.count_nonzero()
    assert (target >= asked).all()


def test_a_merged_target_counts_as_what_it_grew_into(tmp_path):
    write_person(tmp_path)
    record = tmp_path / "p.json"
    record.write_text(record.read_text().replace('"kind": "whole"', '"kind": "segment"'))
    always = dataclasses.replace(PLAIN, part=1.0, merge=MergeConfig(chance=1.0))
    assert samples(tmp_path, always)[0].whole == pytest.approx(always.segment_weight)


def test_without_merging_a_part_teaches_the_alternatives_only(tmp_path):
    write_person(tmp_path)
    never = dataclasses.replace(PLAIN, part=1.0, merge=MergeConfig(chance=0.0))
    _, (target, asked), whole, _ = samples(tmp_path, never)[0]
    assert whole == 0
    assert torch.equal(target, asked)


def test_damaged_photos_are_skipped_and_named(tmp_path):
    for seed in range(4):
        write_scene(tmp_path, f"s{seed}", seed)
    (tmp_path / "s1.jpg").write_bytes(b"not a photo")
    (tmp_path / "s2.json").write_text("{")
    drawn = [samples(tmp_path)[index] for index in range(30)]
    skipped = {entry.name for sample in drawn for entry in sample.skipped}
    assert skipped == {f"{tmp_path.name}[1]", f"{tmp_path.name}[2]"}
    batch = collate(drawn)
    assert batch.photo.shape == (30, 3, 64, 64)
    assert {entry.name for entry in batch.skipped} == skipped


def test_a_folder_of_damaged_photos_is_an_error_and_not_a_hang(tmp_path):
    write_scene(tmp_path, "a", 0)
    (tmp_path / "a.jpg").write_bytes(b"not a photo")
    with pytest.raises(DataError, match=r"1000 draws; the last failure: .*a\.jpg"):
        samples(tmp_path)[0]


def test_a_crop_holds_the_centre_of_its_object():
    mask = np.zeros((300, 400), bool)
    mask[100:140, 200:260] = True
    rng = np.random.default_rng(0)
    sides = []
    for _ in range(200):
        window = object_window(mask, CropConfig(chance=1.0), rng)
        left, top, right, bottom = window.clipped(400, 300)
        assert 0 <= left < 230 < right <= 400
        assert 0 <= top < 120 < bottom <= 300
        sides.append(window.side)
    assert min(sides) == 96  # closer would show only blur
    assert max(sides) == 400  # smaller than the photo shows it the object cannot be


def test_crops_show_objects_at_all_sizes_alike():
    mask = np.zeros((3000, 3000), bool)
    mask[1400:1600, 1400:1600] = True
    rng, config = np.random.default_rng(0), CropConfig(chance=1.0, sizes=(0.01, 0.5))
    shares = [mask.sum() / object_window(mask, config, rng).side ** 2 for _ in range(400)]
    assert min(shares) >= 0.0099
    assert max(shares) <= 0.501
    middle = np.sqrt(0.01 * 0.5)  # of a log-uniform distribution
    assert 0.8 * middle < np.median(shares) < 1.25 * middle


def test_without_crops_the_window_is_the_photo():
    mask = np.ones((30, 50), bool)
    window = object_window(mask, CropConfig(chance=0), np.random.default_rng(0))
    assert window == (0, 0, 50)


class Photos(list):
    skipped = ()

    def __init__(self, name, count):
        super().__init__([None] * count)
        self.name = name


def test_small_data_sets_are_heard():
    shares = mixture([Photos("a", 100), Photos("b", 10_000)], {})
    assert shares.tolist() == pytest.approx([1 / 11, 10 / 11])
    shares = mixture([Photos("a", 100), Photos("b", 9), Photos("c", 36)], {"a": 0.4})
    assert shares.tolist() == pytest.approx([0.4, 0.2, 0.4])


@pytest.mark.parametrize("shares", [{"x": 0.5}, {"a": 1.2}, {"a": -0.1}, {"a": 0.3, "b": 0.3}])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(ConfigError):
        mixture([Photos("a", 3), Photos("b", 3)], shares)


def test_one_file_of_pixels_per_photo_is_decoded_lazily(tmp_path):
    write_scene(tmp_path, "a", 0)
    dataset = Sa1bFolder.open(tmp_path)
    image = dataset[0]
    Image.new("RGB", (10, 10)).save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="is 10x10, its masks are 96x72"):
        image.pixels()


def test_an_empty_mask_is_damage(tmp_path):
    write_scene(tmp_path, "a", 0)
    record = json.loads((tmp_path / "a.json").read_text())
    record["annotations"][0]["segmentation"]["counts"] = [72 * 96]
    (tmp_path / "a.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"mask 0 of a\.jpg is empty"):
        samples(tmp_path)[0]
