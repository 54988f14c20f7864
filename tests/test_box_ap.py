"""AP of masks for the boxes of a detector, on drawn photos whose AP is known."""

import json

import numpy as np
import pytest
from PIL import Image
from small_networks import run

from squeezesam.data.open import open_dataset
from squeezesam.errors import ConfigError, DataError
from squeezesam.evaluation import models
from squeezesam.evaluation.box_ap import BoxedPhotos

WIDTH, HEIGHT = 240, 160
OBJECTS = {
    1: [(10, 10, 100, 50, 1), (120, 90, 100, 50, 2)],
    2: [(30, 20, 20, 20, 1)],
    3: [],
}
"""Left, top, width, height and category of the objects of each photo."""


class Filling:
    """Fills a share of the box from its left, and keeps how it was asked."""

    def __init__(self, share):
        self.share, self.boxes = share, []

    def set_image(self, image):
        self.shape = image.shape[:2]

    def predict(self, box, multimask_output):
        assert not multimask_output
        self.boxes.append(tuple(box.tolist()))
        left, top, right, bottom = box.astype(int)
        mask = np.zeros((1, *self.shape), np.bool_)
        mask[0, top:bottom, left : left + round(self.share * (right - left))] = True
        return mask, np.ones(1), np.zeros((1, 8, 8), np.float32)


def polygon(left, top, width, height):
    right, bottom = left + width, top + height
    return [[left, top, right, top, right, bottom, left, bottom]]


def annotation(number, image, left, top, width, height, category, crowd=0):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": polygon(left, top, width, height),
        "area": width * height,
        "bbox": [left, top, width, height],
        "iscrowd": crowd,
    }


def detection(image, left, top, width, height, category, score=0.5):
    box = [left, top, width, height]
    return {"image_id": image, "category_id": category, "bbox": box, "score": score}


EXACT = [detection(image, *one) for image, objects in OBJECTS.items() for one in objects]


@pytest.fixture
def coco(tmp_path):
    """A COCO folder with OBJECTS; photo 3 has no annotation at all."""
    folder = tmp_path / "coco"
    (folder / "val").mkdir(parents=True)
    (folder / "annotations").mkdir()
    names = {image: f"{image:03}.png" for image in OBJECTS}
    for name in names.values():
        Image.new("RGB", (WIDTH, HEIGHT), "teal").save(folder / "val" / name)
    placed = [(image, *one) for image, objects in OBJECTS.items() for one in objects]
    write(
        folder / "annotations" / "instances_val.json",
        {
            "images": [
                {"id": image, "file_name": name, "width": WIDTH, "height": HEIGHT}
                for image, name in names.items()
            ],
            "annotations": [annotation(number, *one) for number, one in enumerate(placed, 1)],
            "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
        },
    )
    return folder


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def ap_of(coco, detections, share=1.0, limit=None):
    results = write(coco.parent / "results.json", detections)
    return BoxedPhotos(open_dataset(coco), results, limit).ap_of(Filling(share))


def test_exact_masks_have_an_ap_of_one_for_every_size_that_there_is(coco):
    found = ap_of(coco, EXACT)
    assert (found.ap, found.ap50, found.ap75) == pytest.approx((1, 1, 1))
    assert (found.small, found.medium, found.large) == pytest.approx((1, 1, None))
    assert (found.photos, found.boxes) == (3, 3)


def test_masks_of_a_known_iou_are_right_up_to_that_threshold(coco):
    # 82 of 100 columns: right at 0.5, 0.55, ... 0.8; of the small one 16 of 20: the same seven.
    found = ap_of(coco, EXACT, share=0.82)
    assert found.ap == pytest.approx(0.7)
    assert (found.ap50, found.ap75, found.medium) == pytest.approx((1, 1, 0.7))
    half = ap_of(coco, EXACT, share=0.4)
    assert (half.ap, half.ap50) == (0, 0)


def test_a_surer_box_on_a_photo_without_objects_is_a_wrong_one(coco):
    # Of category 1: wrong, right, right. Precision is at most 2 / 3; of category 2 it stays 1.
    wrong = detection(3, 50, 50, 40, 40, 1, score=0.9)
    assert ap_of(coco, [*EXACT, wrong]).ap == pytest.approx((2 / 3 + 1) / 2)


def test_a_box_in_a_crowd_is_neither_right_nor_wrong(coco):
    path = coco / "annotations" / "instances_val.json"
    content = json.loads(path.read_text())
    content["annotations"].append(annotation(9, 3, 0, 0, WIDTH, HEIGHT, 1, crowd=1))
    write(path, content)
    assert ap_of(coco, [*EXACT, detection(3, 50, 50, 40, 40, 1, 0.9)]).ap == pytest.approx(1)


def test_boxes_are_cut_to_the_photo_and_one_outside_of_it_is_not_asked(coco):
    results = write(
        coco.parent / "results.json",
        [detection(1, -5, -5, 20, 20, 1), detection(1, 300, 10, 5, 5, 1), *EXACT[1:2]],
    )
    predictor = Filling(1.0)
    BoxedPhotos(open_dataset(coco), results).ap_of(predictor)
    assert predictor.boxes == [(0, 0, 15, 15), (120, 90, 220, 140)]


def test_detections_on_what_the_file_lacks_are_counted(coco):
    unknown = [detection(77, 0, 0, 5, 5, 1), detection(1, 0, 0, 5, 5, 9)]
    results = write(coco.parent / "results.json", [*EXACT, *unknown])
    assert BoxedPhotos(open_dataset(coco), results).strays == 2


def test_damaged_photos_and_photos_beyond_the_limit_do_not_count(coco):
    (coco / "val" / "002.png").write_bytes(b"damaged")
    found = ap_of(coco, EXACT[:2])
    assert (found.ap, found.photos, found.small) == pytest.approx((1, 2, None))
    assert ap_of(coco, EXACT, limit=1).boxes == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "is no result file of a detector"),
        ("{}", "has no box on a photo"),
        ('[{"image_id": 1}]', "it lacks .bbox"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2], "score": 1}]', "give 4 numbers"),
        ('[{"image_id": 77, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]', "has no box on"),
    ],
)
def test_a_bad_result_file_is_refused(coco, content, message):
    results = coco.parent / "results.json"
    results.write_text(content)
    with pytest.raises(DataError, match=message):
        BoxedPhotos(open_dataset(coco), results)
    with pytest.raises(DataError, match="cannot read"):
        BoxedPhotos(open_dataset(coco), coco.parent / "missing.json")


def test_a_damaged_annotation_is_told_before_the_work(coco):
    results = write(coco.parent / "results.json", EXACT)
    path = coco / "annotations" / "instances_val.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"] = [[1, 2, 3]]
    write(path, content)
    with pytest.raises(DataError, match=r"an annotation of .* is damaged"):
        BoxedPhotos(open_dataset(coco), results)


def test_another_layout_is_refused(coco, scenes):
    results = write(coco.parent / "results.json", EXACT)
    with pytest.raises(ConfigError, match="need a data set of COCO, not shapes"):
        BoxedPhotos(open_dataset(scenes / "shapes"), results)


@pytest.fixture
def lvis(coco):
    """The same as LVIS: on photo 3 there is nothing of category 1, and of 2 nothing is known."""
    path = coco / "annotations" / "instances_val.json"
    content = json.loads(path.read_text())
    for image in content["images"]:
        image["neg_category_ids"] = [1] if image["id"] == 3 else []
        image["not_exhaustive_category_ids"] = [1] if image["id"] == 2 else []
    for category, frequency in zip(content["categories"], "rf", strict=True):
        category["frequency"] = frequency
    write(path, content)
    return coco


def test_lvis_judges_what_it_annotates(lvis):
    found = ap_of(lvis, EXACT)
    assert (found.ap, found.rare, found.frequent) == pytest.approx((1, 1, 1))
    assert found.common is None
    absent = ap_of(lvis, [*EXACT, detection(3, 50, 50, 40, 40, 1, score=0.9)])
    assert (absent.rare, absent.frequent, absent.boxes) == pytest.approx((2 / 3, 1, 4))
    unknown = ap_of(lvis, [*EXACT, detection(3, 50, 50, 40, 40, 2, score=0.9)])
    assert (unknown.ap, unknown.boxes) == pytest.approx((1, 3))
    incomplete = ap_of(lvis, [*EXACT, detection(2, 150, 90, 40, 40, 1, score=0.9)])
    assert (incomplete.ap, incomplete.boxes) == pytest.approx((1, 4))


def test_lvis_counts_the_surest_300_boxes_of_a_photo(lvis):
    many = [detection(1, *OBJECTS[1][1], score=0.9)] * 299 + EXACT
    found = ap_of(lvis, many)
    assert found.boxes == 301  # the first exact box of photo 1, and the one of photo 2
    assert found.rare == pytest.approx(1)


def test_an_lvis_photo_without_its_lists_is_told(lvis):
    path = lvis / "annotations" / "instances_val.json"
    content = json.loads(path.read_text())
    del content["images"][1]["not_exhaustive_category_ids"]
    write(path, content)
    with pytest.raises(DataError, match="has no lists of LVIS's categories"):
        ap_of(lvis, EXACT)


def drawn_lvis(folder, photos=12, categories=6):
    """Many random boxes of an LVIS set in the layout of COCO, and detections that are near them."""
    drawn = np.random.default_rng(5)
    content = {"images": [], "annotations": [], "categories": []}
    found = []
    for number in range(1, categories + 1):
        one = {"id": number, "name": str(number), "frequency": "rcf"[number % 3]}
        content["categories"].append(one)
    for image in range(1, photos + 1):
        own = set()
        for _ in range(drawn.integers(1, 7)):
            left, top = map(int, drawn.integers(0, 100, 2))
            width, height = map(int, drawn.integers(8, 60, 2))
            category = int(drawn.integers(1, categories + 1))
            own.add(category)
            box = left, top, width, height, category
            content["annotations"].append(annotation(len(content["annotations"]) + 1, image, *box))
            for _ in range(drawn.integers(0, 4)):
                near = np.array(box[:4]) + drawn.integers(0, 9, 4)
                score = float(drawn.random())
                named = category if drawn.random() < 0.8 else int(drawn.integers(1, categories + 1))
                found.append(detection(image, *map(int, near), named, score))
        others = [one for one in range(1, categories + 1) if one not in own]
        picture = {"id": image, "file_name": f"{image:03}.png", "width": WIDTH, "height": HEIGHT}
        picture["neg_category_ids"] = others[::2]
        picture["not_exhaustive_category_ids"] = sorted(own)[:1]
        content["images"].append(picture)
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "val" / f"{image:03}.png")
    write(folder / "annotations" / "instances_val.json", content)
    return found


LVIS_PACKAGE = {
    "ap": 0.047461,
    "ap50": 0.177393,
    "ap75": 0.038842,
    "small": 0.00429,
    "medium": 0.131299,
    "rare": 0.015347,
    "common": 0.083803,
    "frequent": 0.043234,
}
"""What the package lvis 0.5.3 gives for `drawn_lvis`, with `np.float` put back into numpy."""


def test_lvis_ap_is_that_of_its_own_package(coco):
    found = ap_of(coco, drawn_lvis(coco))
    assert {name: round(getattr(found, name), 6) for name in LVIS_PACKAGE} == LVIS_PACKAGE


def test_the_command_prints_the_ap(coco, monkeypatch, capsys):
    results = write(coco.parent / "results.json", EXACT)
    pair = "sam-onnx=a,b"

    class Everything(Filling):
        def predict(self, *_, box=None, **__):
            whole = np.array([0, 0, WIDTH, HEIGHT], np.float32)
            return super().predict(whole if box is None else box, False)

    monkeypatch.setattr(models, "load_baseline", lambda _: Everything(0.82))
    arguments = ["--models", pair, "--rounds", 0, "--boxes", results, "--data", coco]
    assert run("compare", *arguments) == 0
    out = capsys.readouterr().out
    assert "### Masks for the boxes of results.json, 3 boxes on 3 photos" in out
    row = next(line for line in out.partition("### Masks")[2].splitlines() if pair in line)
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert cells == ["70.0", "100.0", "100.0", "70.0", "70.0", "-"]
    assert run("compare", *arguments, coco.parent) == 2
    assert "is for one data set" in capsys.readouterr().err
