"""What foreign data sets bring: things there twice, optional fields, odd names, hostile sizes."""

import io
import json
import math
import resource
import tarfile
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from squeezesam.data import annotation_json
from squeezesam.data.coco import CocoInstances, take_elements
from squeezesam.data.coco_lvis import CocoLvis
from squeezesam.data.encoded_masks import MOST_COUNTS, PolygonMask
from squeezesam.data.listing import pair_by_stem
from squeezesam.data.open import open_dataset, open_datasets
from squeezesam.data.packing import pack
from squeezesam.data.sa1b import Sa1bFolder, Sa1bTar, index_tar
from squeezesam.errors import DataError
from squeezesam.evaluation.targets import find_targets

WIDTH, HEIGHT = 64, 48
SQUARE = [10, 10, 30, 10, 30, 30, 10, 30]
NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), "teal").save(path)


def image(number: object, name: str = "a.jpg") -> dict[str, object]:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}


def entry(number: object = 1, **changes: object) -> dict[str, object]:
    given = {"image_id": number, "segmentation": [SQUARE], "area": 400, **changes}
    return {key: value for key, value in given.items() if value != "absent"}


def coco(root: Path, images: list, annotations: list, *, encoding: str = "utf-8", **more) -> Path:
    for one in images:
        photo(root / "x" / one["file_name"])
    path = root / "annotations" / "instances_x.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": [], **more}
    path.write_text(json.dumps(content), encoding=encoding)
    return root


def areas(root: Path) -> list[int]:
    (one,) = open_dataset(root)
    return [int(each.mask().sum()) for each in one.annotations]


class TestTwice:
    @pytest.mark.parametrize("ids", [(1, 1), (1, "1"), (1.0, 1)])
    def test_photos_of_one_id_are_left_out_and_listed(self, tmp_path, ids):
        images = [image(ids[0]), image(ids[1], "b.jpg"), image(2, "c.jpg")]
        dataset = open_dataset(coco(tmp_path, images, [entry(1), entry(2)]))
        assert [one.name for one in dataset] == ["c.jpg"]
        assert {each.name for each in dataset.skipped} == {"a.jpg", "b.jpg"}

    @pytest.mark.parametrize("names", [("a.jpg", "a.jpg"), ("a.jpg", "./a.jpg"), (NFC, NFD)])
    def test_one_file_under_two_ids_is_left_out_and_listed(self, tmp_path, names):
        images = [image(1, names[0]), image(2, "c.jpg"), image(3, names[1])]
        for one in images[::2]:
            one["file_name"] += "" if one["file_name"].endswith("jpg") else ".jpg"
        dataset = open_dataset(coco(tmp_path, images, [entry(1), entry(2), entry(3)]))
        assert [one.name for one in dataset] == ["c.jpg"]
        assert "several ids" in dataset.skipped[0].reason

    def test_an_annotation_that_is_there_twice_counts_once(self, tmp_path):
        twice = entry(1, id=5)
        dataset = open_dataset(coco(tmp_path, [image(1)], [twice, twice, entry(1, id=6)]))
        assert len(dataset[0].annotations) == 2
        assert "there twice" in dataset.skipped[0].reason

    def test_two_objects_of_one_id_are_both_kept(self, tmp_path):
        other = entry(1, id=5, segmentation=[[0, 0, 9, 0, 9, 9]])
        assert len(areas(coco(tmp_path, [image(1)], [entry(1, id=5), other]))) == 2

    def test_a_key_that_is_there_twice_is_refused(self, tmp_path):
        path = coco(tmp_path, [image(1)], [entry(1)]) / "annotations" / "instances_x.json"
        path.write_text(path.read_text()[:-1] + ', "annotations": []}')
        with pytest.raises(DataError, match="there twice"):
            open_dataset(tmp_path)

    def test_categories_of_one_id_are_refused(self, tmp_path):
        categories = [{"id": 1, "name": "dog"}, {"id": "1", "name": "cat"}]
        with pytest.raises(DataError, match="share id 1"):
            open_dataset(coco(tmp_path, [image(1)], [entry(1)], categories=categories))

    @pytest.mark.parametrize(
        "names",
        [
            ["a.jpg", "a.png", "a.json"],
            ["a.jpg", "a.JPG", "a.json"],
            ["a.jpg", "a.json", "a.JSON"],
            [f"{NFC}.jpg", f"{NFD}.jpg", f"{NFC}.json"],
        ],
    )
    def test_files_of_one_stem_are_left_out_and_listed(self, names):
        pairs, skipped = pair_by_stem([*names, "b.jpg", "b.json"])
        assert pairs == [("b.jpg", "b.json")]
        assert {each.name for each in skipped} == set(names)

    @pytest.mark.parametrize("folder", ["images", "masks"])
    def test_pictures_of_one_stem_are_left_out_and_listed(self, tmp_path, folder):
        for name in ("images/a.png", "images/b.png", "masks/a.png", "masks/b.png"):
            photo(tmp_path / name)
        photo(tmp_path / folder / "a.bmp")
        dataset = open_dataset(tmp_path)
        assert [name for name, _ in dataset.entries] == ["b.png"]
        assert {"a.bmp", "a.png"} <= {each.name for each in dataset.skipped}

    def test_files_of_one_name_in_a_tar_are_left_out_and_listed(self, tmp_path):
        members = tar(tmp_path / "x.tar", ["a.jpg", "a.json", "b.jpg", "b.json", "./a.jpg"])
        found, skipped = index_tar(members)
        assert set(found) == {"a.json", "b.jpg", "b.json"}
        assert [each.name for each in skipped] == ["x.tar/a.jpg"]

    def test_photos_of_one_name_in_two_shards_are_left_out_and_listed(self, tmp_path):
        tar(tmp_path / "0.tar", ["a.jpg", "a.json", "b.jpg", "b.json"])
        tar(tmp_path / "1.tar", ["a.jpg", "a.json", "c.jpg", "c.json"])
        dataset = Sa1bTar.open(tmp_path)
        assert dataset.photos == ("b.jpg", "c.jpg")
        assert [each.name for each in dataset.skipped] == ["1.tar/a.jpg", "0.tar/a.jpg"]

    def test_lvis_photos_of_one_name_are_refused(self, tmp_path):
        coco(tmp_path / "c", [image(1)], [entry(1)])
        images = [image(1, "p/a.jpg"), image(2, "q/a.jpg")]
        coco(tmp_path / "l", images, [entry(1), entry(2)])
        lvis = tmp_path / "l" / "annotations" / "instances_x.json"
        with pytest.raises(DataError, match=r"several photos a\.jpg"):
            CocoLvis.open(Path(f"{tmp_path / 'c'}+{lvis}"))


def tar(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w") as file:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 2
            file.addfile(member, io.BytesIO(b"{}"))
    return path


class TestOptionalFields:
    @pytest.mark.parametrize(
        "no", [0, "0", "absent", None, False, 0.0, "false", "False", "", " 0 ", "no"]
    )
    def test_what_is_no_crowd_stays(self, tmp_path, no):
        assert areas(coco(tmp_path, [image(1)], [entry(iscrowd=no)])) == [400]

    @pytest.mark.parametrize("yes", [1, "1", True, 1.0, "true", "TRUE"])
    def test_crowds_are_left_out(self, tmp_path, yes):
        assert areas(coco(tmp_path, [image(1)], [entry(iscrowd=yes), entry()])) == [400]

    @pytest.mark.parametrize("odd", [2, -1, "crowd", [0], {"a": 1}, 0.5, float("nan")])
    def test_what_is_neither_is_an_error(self, tmp_path, odd):
        dataset = open_dataset(coco(tmp_path, [image(1)], [entry(iscrowd=odd)]))
        with pytest.raises(DataError, match="iscrowd is"):
            dataset[0]

    @pytest.mark.parametrize("area", ["absent", None, 0, -1, 0.0])
    def test_an_area_that_is_not_stated_is_counted(self, tmp_path, area):
        (one,) = open_dataset(coco(tmp_path, [image(1)], [entry(area=area)]))
        assert one.annotations[0].area == 400

    @pytest.mark.parametrize("area", [math.nan, math.inf, 10**400, "x", [4], {"a": 1}])
    def test_an_area_that_is_no_number_is_named(self, tmp_path, area):
        dataset = open_dataset(coco(tmp_path, [image(1)], [entry(area=area)]))
        with pytest.raises(DataError, match="the area of a mask is"):
            dataset[0]

    @pytest.mark.parametrize(
        "nothing",
        ["absent", None, [], [[]], [[], []], {}, "", {"size": [HEIGHT, WIDTH], "counts": []}],
    )
    def test_objects_without_an_outline_are_left_out_and_listed(self, tmp_path, nothing):
        root = coco(tmp_path, [image(1)], [entry(segmentation=nothing), entry()])
        (one,) = open_dataset(root)
        assert len(one.annotations) == 1
        assert [each.name for each in one.left_out] == ["a.jpg annotation 0"]
        (tmp_path / "out").mkdir()
        _, skipped = pack(open_dataset(root), tmp_path / "out", 10**6)
        assert [each.reason for each in skipped] == ["it has no outline"]

    @pytest.mark.parametrize(
        "form",
        [
            SQUARE,
            [SQUARE, []],
            [list(map(list, zip(SQUARE[::2], SQUARE[1::2], strict=True)))],
            list(map(list, zip(SQUARE[::2], SQUARE[1::2], strict=True))),
            list(map(float, SQUARE)),
            [list(map(str, SQUARE))],
        ],
    )
    def test_polygons_in_every_form(self, tmp_path, form):
        assert areas(coco(tmp_path, [image(1)], [entry(segmentation=form)])) == [400]

    @pytest.mark.parametrize(
        "form",
        [7, "text", [["a"] * 6], [[[1, 2, 3]] * 3], [[None] * 6], True, [{"x": 1}], [10**400] * 6],
    )
    def test_other_forms_say_what_is_wanted(self, tmp_path, form):
        dataset = open_dataset(coco(tmp_path, [image(1)], [entry(segmentation=form)]))
        with pytest.raises(DataError, match="segmentation") as caught:
            dataset[0]
        assert "object is not" not in str(caught.value)

    @pytest.mark.parametrize(
        "runs",
        [
            {"size": [HEIGHT, WIDTH, 1], "counts": [HEIGHT * WIDTH]},
            {"size": HEIGHT, "counts": [HEIGHT * WIDTH]},
            {"size": [HEIGHT, WIDTH], "counts": [[HEIGHT * WIDTH]]},
            {"size": [HEIGHT, WIDTH], "counts": True},
            {"size": [HEIGHT, WIDTH], "counts": [9.5, HEIGHT * WIDTH - 9.5]},
            {"size": [HEIGHT, WIDTH], "counts": [math.nan]},
        ],
    )
    def test_other_run_lengths_say_what_is_wanted(self, tmp_path, runs):
        dataset = open_dataset(coco(tmp_path, [image(1)], [entry(segmentation=runs)]))
        with pytest.raises(DataError, match=r"size \[height, width\]"):
            dataset[0]

    @pytest.mark.parametrize("size", [None, [64], "x", math.nan])
    def test_a_size_that_is_none_is_named(self, tmp_path, size):
        dataset = open_dataset(coco(tmp_path, [image(1) | {"width": size}], [entry()]))
        with pytest.raises(DataError, match="the width of the photo is"):
            dataset[0]

    @pytest.mark.parametrize(
        ("images", "annotations"), [([image(1)], [entry(), None]), ([image(1), [1]], [entry()])]
    )
    def test_what_is_no_entry_is_named(self, tmp_path, images, annotations):
        root = coco(tmp_path, [image(1)], [entry()])
        content = {"images": images, "annotations": annotations}
        (root / "annotations" / "instances_x.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match="it must be an object"):
            open_dataset(root)

    @pytest.mark.parametrize(
        "content",
        [
            [1],
            {"image": "x", "annotations": []},
            {"image": image(1), "annotations": None},
            {"image": image(1), "annotations": {"a": 1}},
            {"image": image(1), "annotations": [entry(), 5]},
        ],
    )
    def test_what_is_no_record_is_told(self, tmp_path, content):
        photo(tmp_path / "a.jpg")
        (tmp_path / "a.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match="it must have an object"):
            Sa1bFolder.open(tmp_path)[0]

    def test_an_identity_of_null_is_none(self, tmp_path):
        assert len(areas(coco(tmp_path, [image(1)], [entry(id=None), entry(id=None)]))) == 2

    @pytest.mark.parametrize(("one", "other"), [("1", 1), (1, "1"), (1.0, 1), ("x", "x")])
    def test_ids_as_text_and_number_are_equal(self, tmp_path, one, other):
        assert areas(coco(tmp_path, [image(one)], [entry(other)])) == [400]

    def test_categories_are_found_by_text_and_number(self, tmp_path):
        categories = [{"id": "3", "name": "dog"}, {"id": 4}]
        root = coco(
            tmp_path,
            [image(1)],
            [entry(category_id=3), entry(category_id=4), entry(category_id=None)],
            categories=categories,
        )
        assert [each.category for each in open_dataset(root)[0].annotations] == ["dog", "", ""]

    @pytest.mark.parametrize(
        ("images", "annotations", "cause"),
        [
            ([image(1)], [entry(7)], "1 annotations name photos that the file lacks"),
            ([image(1)], [], "no annotations"),
            ([image(1), image(1, "b.jpg")], [entry(1)], "2 photos have the id 1"),
        ],
    )
    def test_the_real_cause_is_told(self, tmp_path, images, annotations, cause):
        with pytest.raises(DataError, match=cause):
            open_dataset(coco(tmp_path, images, annotations))

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
    def test_every_unicode_encoding(self, tmp_path, encoding):
        assert areas(coco(tmp_path, [image(1)], [entry()], encoding=encoding)) == [400]


class TestNames:
    @pytest.mark.parametrize(("written", "there"), [(NFC, NFD), (NFD, NFC)])
    def test_accents_in_either_form(self, tmp_path, written, there):
        root = coco(tmp_path / "coco", [image(1, "other.jpg")], [])
        content = {"images": [image(1, f"{written}/{written}.jpg")], "annotations": [entry()]}
        (root / "annotations" / "instances_x.json").write_text(json.dumps(content))
        photo(root / "x" / there / f"{there}.jpg")
        assert areas(root) == [400]
        assert open_dataset(root)[0].pixels().shape == (HEIGHT, WIDTH, 3)
        photo(tmp_path / "f" / "images" / f"{written}.jpg")
        photo(tmp_path / "f" / "masks" / f"{there}_1.png")
        assert len(open_dataset(tmp_path / "f")) == 1
        pairs, _ = pair_by_stem([f"{written}.jpg", f"{there}.json"])
        assert pairs == [(f"{written}.jpg", f"{there}.json")]

    @pytest.mark.parametrize(
        "hidden",
        ["._a.jpg", ".DS_Store", "Thumbs.db", "__MACOSX/a.jpg", "__MACOSX/._a.jpg", ".x/a.jpg"],
    )
    def test_hidden_files_do_not_count(self, tmp_path, hidden):
        for name in ("s/b.jpg", f"s/{hidden}"):
            photo(tmp_path / "s" / "x.jpg")
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((tmp_path / "s" / "x.jpg").read_bytes())
            record = {"image": image(1), "annotations": [entry()]}
            if name.endswith(".jpg"):
                (tmp_path / name).with_suffix(".json").write_text(json.dumps(record))
        (tmp_path / "s" / "x.jpg").unlink()
        (dataset,) = open_datasets(tmp_path)
        assert [one.name for one in dataset] == ["b.jpg"]
        assert not dataset.skipped
        found, _ = index_tar(tar(tmp_path / "x.tar", [hidden, f"./{hidden}", "b.jpg"]))
        assert list(found) == ["b.jpg"]

    def test_links_that_lead_back_up_end(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).symlink_to(tmp_path)
        with pytest.raises(DataError, match="no data set"):
            open_datasets(tmp_path)

    def test_long_names_are_data_errors(self, tmp_path):
        for name in ("x" * 300, "x" * 300 + "/y", "a\0b"):
            with pytest.raises(DataError):
                open_datasets(tmp_path / name)
        root = coco(tmp_path, [image(1)], [])
        content = {"images": [image(1, "y" * 300 + ".jpg")], "annotations": [entry()]}
        (root / "annotations" / "instances_x.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match="no photo"):
            open_dataset(root)


def record(width: int, height: int, *segmentations: object) -> str:
    entries = [{"segmentation": each, "area": 9} for each in segmentations]
    return json.dumps({"image": {"width": width, "height": height}, "annotations": entries})


def zigzag(width: int, height: int, corners: int) -> list[float]:
    return [c for i in range(corners) for c in ((2 * width, -width)[i % 2], i % height)]


def triangle(width: int, height: int) -> list[float]:
    return [0, 0, width, 0, 0, height]


class TestBounds:
    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (record(4000, 3000, [zigzag(4000, 3000, 500)]), "too long"),
            (record(4000, 3000, [zigzag(4000, 3000, 20_000)]), "too long"),
            (record(4000, 3000, [triangle(4000, 3000)] * 500), "too long"),
            (record(4000, 3000, *[[triangle(4000, 3000)]] * 240 * 2), "too many"),
            (record(640, 480, *[[zigzag(640, 480, 30)]] * 1000), "too long"),
            (record(8, 8, *[[triangle(8, 8)]] * 10_001), "too many"),
            (record(8_000, 8_000, *[[triangle(9, 9)]] * 48), "too many"),
            (record(10**6, 10), "not the size"),
            ("[" * 200_000, "nested too deeply"),
            ('{"image":' * 50_000, "nested too deeply"),
            (record(8, 8).replace("8", "1" * 5000, 1), "damaged"),
            (record(8, 8).replace("8", "1e999", 1), "damaged"),
            (
                '{"image": {"width": 8, "height": 8}, "annotations": [' + " " * 17_000_000 + "]}",
                "bytes",
            ),
            (record(8, 8, {"size": [8, 8], "counts": "0" * (MOST_COUNTS + 1)}), "run lengths"),
            (record(8, 8, {"size": [8, 8], "counts": [0] * (MOST_COUNTS + 1)}), "run lengths"),
        ],
    )
    def test_hostile_records_cost_little(self, tmp_path, text, complaint):
        (tmp_path / "a.json").write_text(text)
        (tmp_path / "a.jpg").touch()
        before, began = peak_mb(), time.process_time()
        with pytest.raises(DataError, match=complaint):
            Sa1bFolder.open(tmp_path)[0]
        assert peak_mb() - before < 500
        assert time.process_time() - began < 10

    def test_what_is_allowed_is_drawn_within_bounds(self, tmp_path):
        outline = zigzag(4000, 3000, 30)
        triangles = [triangle(4000, 3000)] * 30
        text = record(4000, 3000, [outline], triangles, [triangle(4000, 3000)] * 2)
        (tmp_path / "a.json").write_text(text)
        (tmp_path / "a.jpg").touch()
        before = peak_mb()
        targets, skipped = find_targets(Sa1bFolder.open(tmp_path)[0])
        assert len(targets) + len(skipped) == 3
        assert peak_mb() - before < 500

    def test_a_sparse_photo_is_not_read(self, tmp_path):
        (tmp_path / "a.json").write_text(record(8, 8, [triangle(8, 8)]))
        with (tmp_path / "a.jpg").open("wb") as file:
            file.truncate(10**12)
        with pytest.raises(DataError, match="bytes"):
            Sa1bFolder.open(tmp_path)[0].pixels()

    def test_a_tar_is_not_read_beyond_its_last_file(self, tmp_path):
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as tar:
            for name, content in (("a.jpg", b"x"), ("a.json", record(8, 8).encode())):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        with path.open("r+b") as file:
            file.truncate(10**12)
        began = time.process_time()
        assert Sa1bTar.open(path).photos == ("a.jpg",)
        assert time.process_time() - began < 30

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            '{"images": [}',
            '{"images": [1,], "annotations": []}',
            '{"images": [], "annotations": [] } x',
            '{"images": [], "annotations": {}}',
            '{"images" [], "annotations": []}',
            '{"images": [{"id": 1}], "annotations": []}',
            '{"images": [{"id": [1], "file_name": "a"}], "annotations": []}',
            '{"images": [' + "[" * 100_000 + "], " + '"annotations": []}',
            '{"info": ' + "[" * 100_000,
            '{"images": [{"id": ' + "9" * 5000 + ', "file_name": "a"}], "annotations": []}',
            '{"annotations": []}',
            '{"images": []}',
            "\\",
        ],
    )
    def test_damaged_coco_is_a_data_error(self, tmp_path, text):
        (tmp_path / "instances_x.json").write_text(text)
        (tmp_path / "x").mkdir()
        with pytest.raises(DataError, match="instances_x"):
            CocoInstances.open(tmp_path / "instances_x.json")

    def test_elements_are_those_that_json_sees(self):
        rng = np.random.default_rng(0)
        texts = ['a"b', "]}", "\\", "é\u2028", ""]
        for _ in range(50):
            elements = [
                {"t": texts[rng.integers(5)], "n": [rng.random(), [int(rng.integers(9))]]}
                for _ in range(rng.integers(5))
            ]
            content = {"other": elements, texts[0]: "]", "wanted": elements, "n": None, "z": -1e5}
            found: list[object] = []
            text = json.dumps(content, indent=int(rng.integers(3)) or None)
            take_elements(text, {"wanted": lambda element, _, found=found: found.append(element)})
            assert found == elements

    def test_a_file_of_many_small_brackets_takes_little_memory(self, tmp_path):
        text = '{"junk": [' + "[]," * 1_000_000 + '[]], "images": [], "annotations": []}'
        (tmp_path / "instances_x.json").write_text(text)
        before = peak_mb()
        with pytest.raises(DataError, match="no annotation"):
            CocoInstances.open(tmp_path / "instances_x.json")
        assert peak_mb() - before < 50


def peak_mb() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.long
def test_a_coco_file_of_100_thousand_annotations_opens_quickly(tmp_path):
    rng = np.random.default_rng(0)
    images = [image(number, f"{number:012}.jpg") for number in range(15_000)]
    (tmp_path / "x").mkdir()
    for one in images:
        (tmp_path / "x" / str(one["file_name"])).touch()
    outlines = [[round(c, 2) for c in rng.uniform(0, 40, 120)] for _ in range(500)]
    annotations = [
        entry(int(rng.integers(15_000)), id=i, segmentation=[outlines[i % 500]], iscrowd=0)
        for i in range(100_000)
    ]
    path = tmp_path / "instances_x.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    del annotations
    before, began = peak_mb(), time.process_time()
    dataset = CocoInstances.open(path)
    assert time.process_time() - began < 20
    assert peak_mb() - before < 1000
    assert sum(len(one.annotations) for one in dataset) == 100_000


def test_work_is_counted_for_every_polygon():
    masks = [PolygonMask.parse([triangle(30, 40)] * n, 40, 30) for n in (1, 2)]
    assert masks[1].length == 2 * masks[0].length
    assert annotation_json.MOST_ANNOTATIONS * 640 * 480 > annotation_json.MOST_MASK_PIXELS
