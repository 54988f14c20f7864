"""From paths to data sets, and what damage does to any of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import write_scene
from PIL import Image

from squeezesam.data.coco import CocoInstances
from squeezesam.data.mask_folder import MaskFolder
from squeezesam.data.open import READERS, open_dataset, open_datasets
from squeezesam.data.packing import pack
from squeezesam.data.sa1b import Sa1bFolder, Sa1bTar
from squeezesam.errors import DataError


def write_every_layout(root: Path) -> dict[str, type]:
    """The same three scenes in each layout; names of the data sets and their readers."""
    masks = {name: write_scene(root / "sa1b", name, ord(name)) for name in "abc"}
    (root / "tars").mkdir()
    pack(Sa1bFolder.open(root / "sa1b"), root / "tars", 10**6)

    shutil.copytree(root / "sa1b", root / "coco" / "val")
    records = [json.loads(path.read_text()) for path in sorted((root / "sa1b").glob("*.json"))]
    content = {
        "images": [record["image"] | {"id": i} for i, record in enumerate(records)],
        "annotations": [
            entry | {"image_id": i} for i, r in enumerate(records) for entry in r["annotations"]
        ],
    }
    (root / "coco" / "instances_val.json").write_text(json.dumps(content))
    for path in (root / "coco" / "val").glob("*.json"):
        path.unlink()

    (root / "folders" / "masks").mkdir(parents=True)
    (root / "folders" / "images").mkdir()
    for name, mask in masks.items():
        shutil.copy(root / "sa1b" / f"{name}.jpg", root / "folders" / "images")
        Image.fromarray(mask).save(root / "folders" / "masks" / f"{name}.png")
    return {
        "instances_val": CocoInstances,
        "folders": MaskFolder,
        "sa1b": Sa1bFolder,
        "tars": Sa1bTar,
    }


def test_every_layout_in_a_folder_is_opened(tmp_path):
    expected = write_every_layout(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.json").write_text("{}")
    datasets = open_datasets(tmp_path)
    assert {dataset.name: type(dataset) for dataset in datasets} == expected
    for photos in zip(*datasets, strict=True):
        masks = [image.annotations[0].mask() for image in photos]
        assert all(np.array_equal(mask, masks[0]) for mask in masks)
        assert len({image.name for image in photos}) == 1


def test_data_sets_lie_at_any_depth(tmp_path):
    expected = write_every_layout(tmp_path / "train" / "all")
    assert {dataset.name for dataset in open_datasets(tmp_path)} == set(expected)


def test_data_set_itself_is_opened_alone(tmp_path):
    write_every_layout(tmp_path)
    assert [dataset.name for dataset in open_datasets(tmp_path / "sa1b")] == ["sa1b"]
    assert [type(d) for d in open_datasets(next((tmp_path / "tars").iterdir()))] == [Sa1bTar]


@pytest.mark.parametrize("opener", [open_dataset, open_datasets])
def test_unknown_layout_lists_the_known_ones(tmp_path, opener):
    with pytest.raises(DataError, match="is no data set") as caught:
        opener(tmp_path)
    assert all(reader.LAYOUT in str(caught.value) for reader in READERS)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="x does not exist"):
        opener(tmp_path / "x")


def test_data_sets_of_one_name_are_refused(tmp_path):
    write_every_layout(tmp_path)
    shutil.copytree(tmp_path / "coco", tmp_path / "more_coco")
    with pytest.raises(DataError, match="two data sets are named 'instances_val'"):
        open_datasets(tmp_path)


def read_all(path: Path) -> int:
    """Read a data set as a consumer does; the number of DataErrors."""
    errors = 0
    try:
        dataset = open_dataset(path)
    except DataError:
        return 1
    for index in range(len(dataset)):
        try:
            image = dataset[index]
            image.pixels()
            for annotation in image.annotations:
                annotation.mask()
        except DataError:
            errors += 1
    return errors


@pytest.mark.parametrize(
    "damaged",
    ["sa1b/b.json", "coco/instances_val.json", "tars/sa1b-0000.tar", "folders/masks/b.png"],
)
def test_flipped_bytes_give_data_errors_only(tmp_path, damaged):
    write_every_layout(tmp_path)
    path = tmp_path / damaged
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    errors = 0
    for _ in range(60):
        content = np.frombuffer(whole, np.uint8).copy()
        for place in rng.integers(len(content), size=rng.integers(1, 9)):
            content[place] = rng.integers(256)
        path.write_bytes(content.tobytes()[: rng.integers(1, 2 * len(content))])
        errors += read_all(tmp_path / damaged.split("/")[0])
    assert errors > 20
