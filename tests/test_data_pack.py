"""`squeezesam pack`: shards that read like the data they were made of."""

import json

import numpy as np
import pytest
from conftest import write_scene
from PIL import Image

from squeezesam.cli import main
from squeezesam.data.mask_folder import MaskFolder
from squeezesam.data.open import open_datasets
from squeezesam.data.packing import bounding_box, pack
from squeezesam.data.records import HALF
from squeezesam.data.sa1b import Sa1bFolder, Sa1bTar
from squeezesam.errors import ConfigError, DataError


def assert_equal(image, original):
    assert image.name == original.name
    assert image.source.read() == original.source.read()
    for annotation, source in zip(image.annotations, original.annotations, strict=True):
        np.testing.assert_array_equal(annotation.mask(), source.mask())
        for field in ("kind", "area", "category"):
            assert getattr(annotation, field) == getattr(source, field)


@pytest.fixture
def parent(tmp_path):
    """Two data sets of photos with noise, so that JPEGs have some size."""
    for seed in range(6):
        write_scene(tmp_path / "data" / "people", f"p{seed}", seed, "whole")
    write_scene(tmp_path / "data" / "things", "t", 9, "part")
    return tmp_path / "data"


def test_packed_data_read_like_the_original(tmp_path, parent, capsys):
    out = tmp_path / "out"
    assert main(["pack", "--data", str(parent), "--out", str(out), "--shard-mb", "0.01"]) == 0
    originals, packed = open_datasets(parent), open_datasets(out)
    assert [type(dataset) for dataset in packed] == [Sa1bTar, Sa1bTar]
    for dataset, original in zip(packed, originals, strict=True):
        assert (dataset.name, dataset.skipped) == (original.name, ())
        for pair in zip(dataset, original, strict=True):
            assert_equal(*pair)
    shards = sorted(out.glob("people/*.tar"))
    assert len(shards) > 1
    assert all(shard.stat().st_size <= 10_000 for shard in shards)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["shard", "photos", "masks", "MB"]
    assert lines[-1].split()[:3] == ["all", "7", "7"]


def test_bytes_repeat(tmp_path, parent):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pack(Sa1bFolder.open(parent / "people"), tmp_path / name, 10**6)
    one, two = (next((tmp_path / name).iterdir()).read_bytes() for name in ("one", "two"))
    assert one == two


def test_masks_are_compressed_with_their_boxes(tmp_path, parent):
    pack(Sa1bFolder.open(parent / "things"), tmp_path, 10**6)
    text = (tmp_path / "things-0000.tar").read_bytes()
    start = text.index(b'{"image"')
    (entry,) = json.JSONDecoder().raw_decode(text[start:].decode("latin-1"))[0]["annotations"]
    assert isinstance(entry["segmentation"]["counts"], str)
    left, top, width, height = entry["bbox"]
    mask = Sa1bFolder.open(parent / "things")[0].annotations[0].mask()
    assert mask[top : top + height, left : left + width].sum() == mask.sum()
    assert (entry["kind"], entry["area"]) == ("part", mask.sum())


def test_box_of_nothing_is_empty():
    assert bounding_box(np.zeros((3, 4), np.bool_)) == [0, 0, 0, 0]


def test_other_photos_become_jpeg_and_ignored_pixels_stay(tmp_path):
    values = np.zeros((16, 24), np.uint8)
    values[4:8], values[8:12] = 255, 128
    for folder, name in (("images", "a.png"), ("masks", "a.png")):
        (tmp_path / folder).mkdir()
        Image.fromarray(values).save(tmp_path / folder / name)
    (tmp_path / "out").mkdir()
    pack(MaskFolder.open(tmp_path), tmp_path / "out", 10**6)
    (image,) = Sa1bTar.open(tmp_path / "out")
    assert image.name == "a.jpg"
    np.testing.assert_allclose(image.pixels()[..., 0], values, atol=8)
    np.testing.assert_array_equal(image.annotations[0].mask(), values == 255)
    np.testing.assert_array_equal(image.ignore.coverage() > HALF, values == 128)


def test_damaged_photos_stay_behind(tmp_path, parent, capsys):
    (parent / "people" / "p2.json").write_text("{")
    (parent / "people" / "p3.jpg").write_bytes(b"")
    (parent / "people" / "p4.jpg").unlink()
    out = tmp_path / "out"
    assert main(["pack", "--data", str(parent), "--out", str(out)]) == 0
    assert [image.name for image in open_datasets(out)[0]] == ["p0.jpg", "p1.jpg", "p5.jpg"]
    printed = capsys.readouterr().out
    assert "left out 3:" in printed
    assert all(name in printed for name in ("p2.jpg", "p3.jpg", "p4.json"))


def test_photo_larger_than_a_shard_is_refused_and_nothing_written(tmp_path, parent, capsys):
    out = tmp_path / "out"
    arguments = ["pack", "--data", str(parent), "--out", str(out), "--shard-mb", "0.001"]
    assert main(arguments) == 2
    assert "raise --shard-mb" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_existing_folder_is_never_replaced(parent, capsys):
    assert main(["pack", "--data", str(parent), "--out", str(parent)]) == 2
    assert "exists; name a new folder" in capsys.readouterr().err
    assert len(open_datasets(parent)[0]) == 6


@pytest.mark.parametrize("size", ["0", "-1", "nan", "inf"])
def test_shard_size_must_make_sense(tmp_path, parent, size):
    out = str(tmp_path / "out")
    assert main(["pack", "--data", str(parent), "--out", out, f"--shard-mb={size}"]) == 2


def test_photos_of_one_name_are_refused(tmp_path, parent):
    class Twice:
        name, skipped = "twice", ()
        photo = Sa1bFolder.open(parent / "things")[0]

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return self.photo

    with pytest.raises(DataError, match="two photos t"):
        pack(Twice(), tmp_path, 10**6)
    with pytest.raises(ConfigError, match="a shard holds 99"):
        pack(Twice(), tmp_path, 99)


def test_set_without_a_sound_photo_is_refused(tmp_path, parent):
    (parent / "things" / "t.json").write_text("{")
    with pytest.raises(DataError, match=r"no photo of things is sound.*t\.jpg"):
        pack(Sa1bFolder.open(parent / "things"), tmp_path, 10**6)
