"""Run lengths, polygons and the SA-1B folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import write_scene
from pycocotools import mask as coco_api

from squeezesam.data.encoded_masks import (
    PolygonMask,
    RleMask,
    decode_counts,
    encode_rle,
)
from squeezesam.data.sa1b import Sa1bFolder
from squeezesam.errors import DataError

COCO_POLYGONS = json.loads((Path(__file__).parent / "data" / "coco_polygons.json").read_text())
"""Made by pycocotools 2.0.11 (`frPyObjects`): whole, outside, thin, doubled and crossing outlines.

It draws them now, so this says that another version of it draws no other masks.
"""


def coco_counts(runs: np.ndarray) -> str:
    """Run lengths as the COCO API compresses them."""
    size = [1, int(runs.sum())]
    return coco_api.frPyObjects({"size": size, "counts": runs.tolist()}, *size)["counts"].decode()


def test_compressed_counts_follow_the_coco_code():
    # Worked by hand from the COCO API's encoder: 6 is '6'; 1 is '1'; 40 is 'X1' (8 with a
    # continuation, then 1); the fourth run stores 4 - 1 = 3 and the fifth 30 - 40 = -10 ('F').
    assert decode_counts("61X13F").tolist() == [6, 1, 40, 4, 30]
    assert coco_counts(np.array([6, 1, 40, 4, 30])) == "61X13F"


@pytest.mark.parametrize("longest", [2, 15, 16, 17, 512, 10**4, 10**8])
def test_counts_survive_compression(longest):
    rng = np.random.default_rng(longest)
    for length in (1, 2, 3, 4, 50):
        runs = rng.integers(0, longest, length)
        np.testing.assert_array_equal(decode_counts(coco_counts(runs)), runs)


def test_no_counts_are_no_runs():
    assert decode_counts("").tolist() == []


@pytest.mark.parametrize("counts", ["6X", "6 1", "6é1", "~", "X" * 9 + "1"])
def test_counts_outside_the_code_are_refused(counts):
    with pytest.raises(DataError, match="mask run"):
        decode_counts(counts)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_run_lengths_are_column_major(share):
    mask = np.random.default_rng(0).random((5, 7)) < share
    np.testing.assert_array_equal(encode_rle(mask).coverage() == 255, mask)


@pytest.mark.parametrize("counts", [(3, 3), (-4, 20), (10**30,), "", "11"])
def test_runs_of_another_size_are_refused(counts):
    with pytest.raises(DataError, match=r"not to 4x4|longer than any photo"):
        RleMask(4, 4, counts).coverage()


@pytest.mark.parametrize("case", COCO_POLYGONS)
def test_polygons_are_filled_like_the_coco_api(case):
    mask = PolygonMask.parse([case["polygon"]], *case["size"]).coverage() == 255
    assert mask.sum() == case["area"]
    np.testing.assert_array_equal(mask, RleMask(*case["size"], case["counts"]).coverage() == 255)


def test_polygons_of_one_mask_are_united():
    left, right = [0, 0, 4, 0, 4, 4, 0, 4], [3, 0, 8, 0, 8, 4, 3, 4]
    assert (PolygonMask.parse([left, right], 4, 8).coverage() == 255).all()


@pytest.mark.parametrize(
    ("polygon", "complaint"),
    [
        ([0, 0, 4, 4], "4 numbers"),
        ([0, 0, 4, 0, 4, 4, 0], "7 numbers"),
        ([0, 0, 1e9, 0, 4, 4], "far outside"),
        ([0, 0, float("nan"), 0, 4, 4], "far outside"),
    ],
)
def test_impossible_polygons_are_refused(polygon, complaint):
    with pytest.raises(DataError, match=complaint):
        PolygonMask.parse([polygon], 8, 8)


def test_folder_is_read_with_its_masks(tmp_path):
    mask = write_scene(tmp_path, "a", 1)
    (image,) = Sa1bFolder.open(tmp_path)
    np.testing.assert_array_equal(image.annotations[0].mask(), mask)
    assert image.pixels().shape == (72, 96, 3)


def test_files_without_a_partner_are_listed(tmp_path):
    for name in "abc":
        write_scene(tmp_path, name, 1)
    (tmp_path / "a.jpg").unlink()
    (tmp_path / "b.json").unlink()
    dataset = Sa1bFolder.open(tmp_path)
    assert [image.name for image in dataset] == ["c.jpg"]
    assert {each.name for each in dataset.skipped} == {"a.json", "b.jpg"}


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="SA-1B layout"):
        Sa1bFolder.open(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"image": {}, "annotations": []}', "[]", "[" * 100_000, "\xff", ""]
)
def test_damaged_annotation_names_its_photo(tmp_path, text):
    write_scene(tmp_path, "bad", 1)
    (tmp_path / "bad.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"annotation of bad\.jpg"):
        Sa1bFolder.open(tmp_path)[0]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"segmentation": {"size": [72, 97], "counts": [72 * 97]}}, "97x72, its photo 96x72"),
        ({"segmentation": {"size": [-72, -96], "counts": [72 * 96]}}, "its photo 96x72"),
        ({"segmentation": {"size": [72, 96]}}, "counts"),
        ({"segmentation": 7}, "damaged"),
        ({"area": float("inf")}, "damaged"),
        ({"kind": "hole"}, "kind 'hole'"),
    ],
)
def test_damaged_mask_is_refused(tmp_path, change, complaint):
    write_scene(tmp_path, "a", 1)
    content = json.loads((tmp_path / "a.json").read_text())
    content["annotations"][0] |= change
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=complaint):
        Sa1bFolder.open(tmp_path)[0]


@pytest.mark.parametrize("size", [(0, 72), (-96, -72), (10**6, 10**6)])
def test_impossible_photo_sizes_are_refused(tmp_path, size):
    write_scene(tmp_path, "a", 1)
    image = {"file_name": "a.jpg", "width": size[0], "height": size[1]}
    (tmp_path / "a.json").write_text(json.dumps({"image": image, "annotations": []}))
    with pytest.raises(DataError, match="not the size of a photo"):
        Sa1bFolder.open(tmp_path)[0]


def test_damaged_photos_name_themselves(tmp_path):
    for name in ("cut", "gone", "other"):
        write_scene(tmp_path, name, 1)
    images = list(Sa1bFolder.open(tmp_path))
    photo = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(photo[: len(photo) // 2])
    (tmp_path / "gone.jpg").unlink()
    (tmp_path / "other.jpg").write_bytes(Path(__file__).read_bytes())
    for image in images:
        with pytest.raises(
            DataError, match=f"photo {image.name} (cannot be read|is damaged|is not an image)"
        ):
            image.pixels()
