"""AP of masks for the boxes of a detector, on drawn photos whose AP is known."""

import json

import numpy as np
import pytest
from PIL import Image
from small_networks import run

from squeezesam.data.open import open_dataset
from squeezesam.errors import ConfigError, DataError, MissingDependencyError
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


def test_lvis_and_other_layouts_are_refused(coco, scenes):
    results = write(coco.parent / "results.json", EXACT)
    with pytest.raises(ConfigError, match="need a data set of COCO, not shapes"):
        BoxedPhotos(open_dataset(scenes / "shapes"), results)
    path = coco / "annotations" / "instances_val.json"
    content = json.loads(path.read_text())
    content["images"][0]["neg_category_ids"] = [2]
    write(path, content)
    with pytest.raises(MissingDependencyError, match=r"is LVIS.*lvis, which fails beside numpy"):
        BoxedPhotos(open_dataset(coco), results)


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
