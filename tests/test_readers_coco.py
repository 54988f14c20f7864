"""COCO, LVIS and the two joined."""

import json

import numpy as np
import pytest
from PIL import Image

from squeezesam.data.coco import CocoInstances
from squeezesam.data.coco_lvis import CocoLvis, ReplaceConfig, match_masks
from squeezesam.data.encoded_masks import encode_rle
from squeezesam.data.open import open_dataset
from squeezesam.errors import DataError

WIDTH, HEIGHT = 40, 30
CATEGORIES = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]


def rectangle(left, top, right, bottom):
    return [[left, top, right, top, right, bottom, left, bottom]]


def block(left, top, right, bottom):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def entry(image_id, segmentation, category=1, **more):
    return {
        "image_id": image_id,
        "segmentation": segmentation,
        "area": 100.5,
        "category_id": category,
        **more,
    }


def write_annotations(path, images, annotations):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    path.write_text(json.dumps(content))


def write_photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), "teal").save(path)


def coco_image(number):
    return {"id": number, "file_name": f"{number:012}.jpg", "width": WIDTH, "height": HEIGHT}


def lvis_image(number, split="val2017"):
    url = f"http://images.cocodataset.org/{split}/{number:012}.jpg"
    return {"id": number, "coco_url": url, "width": WIDTH, "height": HEIGHT}


@pytest.fixture
def coco(tmp_path):
    """COCO's folder with three photos, of which the last has no object."""
    root = tmp_path / "coco"
    for number in (7, 8, 9):
        write_photo(root / "val2017" / f"{number:012}.jpg")
    rle = encode_rle(block(3, 4, 9, 20))
    runs = [int(count) for count in np.diff([0, 34, *range(54, 200, 20), HEIGHT * WIDTH])]
    write_annotations(
        root / "annotations" / "instances_val2017.json",
        [coco_image(7), coco_image(8), coco_image(9)],
        [
            entry(7, rectangle(5, 5, 15, 20)),
            entry(8, {"size": [HEIGHT, WIDTH], "counts": rle.counts}, category=18),
            entry(7, {"size": [HEIGHT, WIDTH], "counts": runs}, iscrowd=1),
            entry(7, rectangle(20, 5, 35, 25), category=18),
            entry(7, []),
        ],
    )
    return root


def test_objects_are_read_from_polygons_and_runs(coco):
    dataset = open_dataset(coco)
    assert (type(dataset), dataset.name) == (CocoInstances, "instances_val2017")
    first, second = dataset
    assert [(a.kind, a.category, a.area) for a in first.annotations] == [
        ("whole", "person", 100),
        ("whole", "dog", 100),
    ]
    np.testing.assert_array_equal(first.annotations[0].mask(), block(5, 5, 15, 20))
    np.testing.assert_array_equal(second.annotations[0].mask(), block(3, 4, 9, 20))
    assert first.pixels().shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("folder", [".", "images", "val2017", "images/val2017"])
def test_photos_are_found_near_the_json(tmp_path, folder):
    write_photo(tmp_path / folder / f"{1:012}.jpg")
    path = tmp_path / "instances_val2017.json"
    write_annotations(path, [coco_image(1)], [entry(1, rectangle(0, 0, 9, 9))])
    assert open_dataset(path)[0].pixels().shape == (HEIGHT, WIDTH, 3)


def test_missing_photos_and_stray_annotations_are_listed(coco):
    (coco / "val2017" / f"{8:012}.jpg").unlink()
    path = coco / "annotations" / "instances_val2017.json"
    content = json.loads(path.read_text())
    content["annotations"].append(entry(99, rectangle(0, 0, 9, 9)))
    path.write_text(json.dumps(content))
    dataset = open_dataset(coco)
    assert [image.name for image in dataset] == ["000000000007.jpg"]
    assert [(each.name, each.reason) for each in dataset.skipped] == [
        ("000000000008.jpg", "the photo is missing"),
        ("instances_val2017.json", "1 annotations name photos that the file lacks"),
    ]


def test_split_without_photos_does_not_count(coco):
    (coco / "annotations" / "instances_train2017.json").write_text("{}")
    assert open_dataset(coco).name == "instances_val2017"
    (coco / "train2017").mkdir()
    with pytest.raises(DataError, match=r"instances_train2017\.json or .*instances_val2017\.json"):
        open_dataset(coco)


def test_json_without_photos_says_where_it_looked(tmp_path):
    path = tmp_path / "instances_val2017.json"
    write_annotations(path, [coco_image(1)], [entry(1, rectangle(0, 0, 9, 9))])
    with pytest.raises(DataError, match=f"{tmp_path}/images/val2017"):
        open_dataset(path)


def test_bad_polygon_costs_its_photo_only(coco):
    path = coco / "annotations" / "instances_val2017.json"
    content = json.loads(path.read_text())
    content["annotations"].append(entry(7, [[1, 2, 3, 4, 5]]))
    path.write_text(json.dumps(content))
    dataset = open_dataset(coco)
    with pytest.raises(DataError, match=r"000000000007\.jpg is damaged: a polygon has 5 numbers"):
        dataset[0]
    assert len(dataset[1].annotations) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"images": [{"id": []}], "annotations": []}', '{"images": 3}']
)
def test_json_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json is not COCO's"):
        open_dataset(tmp_path / "x.json")


def test_lvis_names_photos_by_url(coco):
    write_photo(coco / "train2017" / f"{3:012}.jpg")
    path = coco / "annotations" / "lvis_v1_val.json"
    write_annotations(
        path,
        [lvis_image(7), lvis_image(3, "train2017"), lvis_image(4)],
        [entry(number, rectangle(0, 0, 9, 9), category=18) for number in (3, 7, 4)],
    )
    dataset = open_dataset(path)
    names = ["val2017/000000000007.jpg", "train2017/000000000003.jpg"]
    assert [image.name for image in dataset] == names
    assert all(image.pixels().any() for image in dataset)
    assert dataset[1].annotations[0].category == "dog"
    assert [each.name for each in dataset.skipped] == ["val2017/000000000004.jpg"]


def test_lvis_masks_replace_those_they_strongly_overlap(coco):
    path = coco / "lvis_v1_val.json"
    better, loose, extra = (5, 5, 15, 21), (20, 5, 30, 25), (0, 25, 5, 30)
    write_annotations(
        path,
        [lvis_image(7)],
        [entry(7, rectangle(*each), category=18) for each in (extra, loose, better)],
    )
    dataset = open_dataset(coco.parent / f"coco+{path}")
    assert (type(dataset), dataset.name) == (CocoLvis, "instances_val2017+lvis_v1_val")
    first, second = dataset
    # The person gets LVIS's mask and keeps its name; the dog's overlap is only 10 / 15.
    np.testing.assert_array_equal(first.annotations[0].mask(), block(*better))
    np.testing.assert_array_equal(first.annotations[1].mask(), block(20, 5, 35, 25))
    assert [each.category for each in first.annotations] == ["person", "dog"]
    np.testing.assert_array_equal(second.annotations[0].mask(), block(3, 4, 9, 20))

    looser = CocoLvis.open(coco.parent / f"coco+{path}", ReplaceConfig(iou=0.6))
    np.testing.assert_array_equal(looser[0].annotations[1].mask(), block(*loose))


def test_lvis_of_other_photos_is_refused(coco):
    write_photo(coco / "train2017" / f"{3:012}.jpg")
    path = coco / "lvis_v1_train.json"
    write_annotations(path, [lvis_image(3, "train2017")], [entry(3, rectangle(0, 0, 9, 9))])
    json_path = coco / "annotations" / "instances_val2017.json"
    with pytest.raises(DataError, match="share no photo"):
        open_dataset(coco.parent / f"{json_path}+{path}")


def test_masks_are_matched_one_to_one_best_first():
    config = ReplaceConfig(iou=0.5)
    coco_masks = [block(0, 0, 10, 10), block(0, 0, 10, 9)]
    lvis_masks = [block(0, 0, 10, 9), block(0, 0, 10, 8)]
    assert match_masks(coco_masks, lvis_masks, config) == {1: 0, 0: 1}
    empty = [np.zeros((HEIGHT, WIDTH), np.bool_)]
    assert match_masks(empty, empty, config) == {}
