"""A teacher's labels: which clicks it gets, which answers stay, and when it is asked again."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import write_scene
from PIL import Image

from squeezesam.data.open import open_dataset
from squeezesam.distillation.labels import (
    PhotoFolder,
    _iou,
    answers,
    grid_points,
    label_with_teacher,
    mask_points,
    open_photos,
    stability,
)
from squeezesam.distillation.options import LabelOptions
from squeezesam.distillation.teacher import Teacher, TorchPredictor, load_teacher
from squeezesam.errors import ConfigError, DataError, ImageError, OutputError

COARSE = LabelOptions(points_per_side=6)


class ColourTeacher(TorchPredictor):
    """Answers with what has the clicked colour, and with a doubtful mask of everything."""

    def __init__(self) -> None:
        super().__init__(self.like_the_clicked_pixel)
        self.photos = 0

    def set_image(self, image: np.ndarray) -> None:
        self.photos += 1
        super().set_image(image)

    @staticmethod
    def like_the_clicked_pixel(
        image: torch.Tensor, coords: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        assert labels.tolist() == [1]
        x, y = coords[0].int().tolist()
        distance = (image.float() - image[:, y, x].float()[:, None, None]).abs().sum(0)
        everything = torch.full_like(distance, 9.0)
        return torch.stack([100 - distance, everything]), torch.tensor([0.95, 0.3])


def photo_of(mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], (220, 180, 60), (40, 60, 90)).astype(np.uint8)


def ellipse(width: int, height: int, cx: float, cy: float) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((x - cx) / 20) ** 2 + ((y - cy) / 12) ** 2 < 1


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """A folder of two plain photos, and the ellipse on each by stem."""
    folder = tmp_path / "photos"
    folder.mkdir()
    masks = {"left": ellipse(96, 64, 25, 40), "right": ellipse(80, 120, 50, 30)}
    for name, mask in masks.items():
        Image.fromarray(photo_of(mask)).save(folder / f"{name}.jpg", quality=95)
    return folder, masks


def test_plain_photos_become_a_data_set(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    folder, masks = photos
    teacher = Teacher(ColourTeacher(), "colours")
    made = label_with_teacher(teacher, open_photos(folder), tmp_path / "labels", COARSE)
    reopened = open_dataset(tmp_path / "labels")
    assert not made.skipped
    assert len(made) == len(reopened) == 2
    for index, (stem, mask) in enumerate(masks.items()):
        image = reopened[index]
        assert image == made[index]
        assert image.name == f"{stem}.jpg"
        assert image.pixels().shape == (*mask.shape, 3)
        # The ellipse and the ground, once each; "everything" is doubtful.
        first, second = sorted(image.annotations, key=lambda annotation: annotation.area)
        assert iou(first.mask(), mask) > 0.9
        assert iou(second.mask(), ~mask) > 0.9
        assert first.area == first.mask().sum()
        assert first.kind == "segment"


def test_labels_carry_what_sa1b_carries(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    folder, _ = photos
    label_with_teacher(Teacher(ColourTeacher(), "c"), open_photos(folder), tmp_path / "out", COARSE)
    content = json.loads((tmp_path / "out" / "left.json").read_text())
    assert content["image"] == {"file_name": "left.jpg", "width": 96, "height": 64}
    for entry in content["annotations"]:
        assert entry["predicted_iou"] == 0.95
        assert 0.95 <= entry["stability_score"] <= 1
        ((x, y),) = entry["point_coords"]
        left, top, width, height = entry["bbox"]
        assert left <= x < left + width
        assert top <= y < top + height


def test_the_photo_is_the_same_file(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    folder, _ = photos
    label_with_teacher(Teacher(ColourTeacher(), "c"), open_photos(folder), tmp_path / "out", COARSE)
    assert (tmp_path / "out" / "left.jpg").samefile(folder / "left.jpg")


def test_without_hard_links_the_photo_is_copied(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object) -> None:
        raise OSError("other device")

    monkeypatch.setattr(os, "link", no_link)
    folder, _ = photos
    label_with_teacher(Teacher(ColourTeacher(), "c"), open_photos(folder), tmp_path / "out", COARSE)
    copy = tmp_path / "out" / "left.jpg"
    assert not copy.samefile(folder / "left.jpg")
    assert copy.read_bytes() == (folder / "left.jpg").read_bytes()


def test_annotated_photos_are_clicked_inside_their_masks(tmp_path: Path) -> None:
    mask = write_scene(tmp_path / "data", "a", 1)
    predictor = ColourTeacher()
    seen: list[tuple[float, float]] = []

    def segment(
        image: torch.Tensor, coords: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(tuple(coords[0].int().tolist()))
        return predictor.like_the_clicked_pixel(image, coords, labels)

    dataset = open_photos(tmp_path / "data")
    teacher = Teacher(TorchPredictor(segment), "c")
    labels = label_with_teacher(teacher, dataset, tmp_path / "out")
    *clicks, kept = seen
    assert len(clicks) == 3
    assert kept in clicks, "only the click whose answer stays is asked about again"
    assert all(mask[int(y), int(x)] for x, y in seen)
    (annotation,) = labels[0].annotations
    assert iou(annotation.mask(), mask) > 0.9
    again = list(seen)
    label_with_teacher(teacher, dataset, tmp_path / "elsewhere")
    assert seen == again * 2  # Random, but the same for the same photo.


def test_labels_are_made_once_and_again_where_something_changed(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    folder, _ = photos
    predictor = ColourTeacher()

    def asked(identity: str = "c", options: LabelOptions = COARSE) -> int:
        before = predictor.photos
        teacher = Teacher(predictor, identity)
        label_with_teacher(teacher, open_photos(folder), tmp_path / "out", options)
        return predictor.photos - before

    assert asked() == 2
    assert asked() == 0
    moved = ellipse(96, 64, 60, 20)
    other = tmp_path / "moved.jpg"
    Image.fromarray(photo_of(moved)).save(other, quality=95)
    other.replace(folder / "left.jpg")
    assert asked() == 1
    labels = open_dataset(tmp_path / "out")
    assert any(iou(each.mask(), moved) > 0.9 for each in labels[0].annotations)
    assert asked() == 0
    # Edited in place, the hard-linked photo beside the label changes too.
    (folder / "left.jpg").write_bytes((folder / "right.jpg").read_bytes())
    assert asked() == 1
    assert asked() == 0
    assert asked(options=LabelOptions(points_per_side=5)) == 2
    assert asked(identity="other weights", options=LabelOptions(points_per_side=5)) == 2
    (tmp_path / "out" / "right.jpg").unlink()
    assert asked(identity="other weights", options=LabelOptions(points_per_side=5)) == 1


def test_photos_that_left_the_data_leave_the_labels_too(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    folder, _ = photos
    teacher = Teacher(ColourTeacher(), "c")
    label_with_teacher(teacher, open_photos(folder), tmp_path / "out", COARSE)
    (folder / "left.jpg").unlink()
    labels = label_with_teacher(teacher, open_photos(folder), tmp_path / "out", COARSE)
    assert [labels[index].name for index in range(len(labels))] == ["right.jpg"]


def test_a_killed_run_leaves_whole_labels_and_goes_on(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = photos
    teacher = Teacher(ColourTeacher(), "c")
    out = tmp_path / "out"
    write_text = Path.write_text

    def killed(path: Path, text: str) -> None:
        if path.name == "right.json":
            write_text(path, text[: len(text) // 2])
            raise KeyboardInterrupt
        write_text(path, text)

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        label_with_teacher(teacher, open_photos(folder), out, COARSE)
    monkeypatch.undo()
    assert sorted(path.name for path in out.iterdir()) == ["left.jpg", "left.json", "right.jpg"]
    teacher.predictor.photos = 0
    assert len(label_with_teacher(teacher, open_photos(folder), out, COARSE)) == 2
    assert teacher.predictor.photos == 1


def test_damaged_photos_are_listed(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    folder, _ = photos
    (folder / "broken.jpg").write_bytes((folder / "left.jpg").read_bytes()[:300])
    (folder / "empty.png").touch()
    Image.new("RGB", (8, 8)).save(folder / "left.png")
    teacher = Teacher(ColourTeacher(), "c")
    labels = label_with_teacher(teacher, open_photos(folder), tmp_path / "out", COARSE)
    assert len(labels) == 2
    assert len(labels.skipped) == 3
    reasons = " ".join(each.reason for each in labels.skipped)
    for words in ("broken.jpg", "empty.png", "same stem"):
        assert words in reasons


def test_no_usable_photo(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "empty.png").touch()
    with pytest.raises(DataError, match=r"no usable photo.*empty\.png"):
        label_with_teacher(
            Teacher(ColourTeacher(), "c"), open_photos(tmp_path / "photos"), tmp_path / "out"
        )


def test_nobodys_work_is_replaced(
    photos: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    folder, _ = photos
    teacher = Teacher(ColourTeacher(), "c")
    write_scene(tmp_path / "annotated", "left", 3)
    before = {path: path.read_bytes() for path in (tmp_path / "annotated").iterdir()}
    with pytest.raises(OutputError, match=r"left\.json was made by no teacher"):
        label_with_teacher(teacher, open_photos(folder), tmp_path / "annotated", COARSE)
    (tmp_path / "annotated" / "left.json").unlink()
    with pytest.raises(OutputError, match="is another photo"):
        label_with_teacher(teacher, open_photos(folder), tmp_path / "annotated", COARSE)
    photo = tmp_path / "annotated" / "left.jpg"
    assert photo.read_bytes() == before[photo]


def test_photos_of_phones_are_turned_upright(tmp_path: Path) -> None:
    mask = ellipse(120, 60, 80, 30)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(photo_of(mask)).transpose(Image.Transpose.ROTATE_90)
    (tmp_path / "photos").mkdir()
    turned.save(tmp_path / "photos" / "phone.jpg", exif=exif, quality=95)
    Image.fromarray(photo_of(mask)).convert("CMYK").save(tmp_path / "photos" / "print.jpg")
    dataset = open_photos(tmp_path / "photos")
    labels = label_with_teacher(Teacher(ColourTeacher(), "c"), dataset, tmp_path / "out", COARSE)
    assert not labels.skipped
    for index, name in enumerate(("phone.jpg", "print.jpg")):
        assert labels[index].name == name
        assert labels[index].pixels().shape == (60, 120, 3)
        assert any(iou(each.mask(), mask) > 0.9 for each in labels[index].annotations)


def test_a_data_set_is_no_plain_folder(tmp_path: Path) -> None:
    write_scene(tmp_path / "set", "a", 1)
    assert not isinstance(open_photos(tmp_path / "set"), PhotoFolder)
    (tmp_path / "set" / "a.json").unlink()
    assert isinstance(open_photos(tmp_path / "set"), PhotoFolder)
    with pytest.raises(DataError):
        open_photos(tmp_path)


def test_grid() -> None:
    np.testing.assert_array_equal(grid_points(8, 4, 2), [[2, 1], [6, 1], [2, 3], [6, 3]])


def test_the_deepest_point_comes_first() -> None:
    mask = np.zeros((30, 40), bool)
    mask[10:15, 20:25] = True
    points = mask_points([mask, np.zeros_like(mask)], per_mask=4, seed=0)
    assert points.shape == (4, 2)
    assert points[0].tolist() == [22, 12]
    assert len({tuple(point) for point in points[1:]}) == 3
    assert all(mask[int(y), int(x)] for x, y in points)


def test_stability_is_the_iou_of_two_thresholds() -> None:
    logits = np.array([[-2, -0.5, 0.5, 2, 3]], np.float32)
    assert stability(logits, 1.0) == 2 / 4
    assert stability(np.full((2, 2), -9, np.float32), 1.0) == 0


def test_doubtful_and_repeated_answers_fall() -> None:
    """Masks over ten columns, told apart by their first and last one."""

    def logits(first: int, last: int, value: float = 9.0) -> torch.Tensor:
        row = torch.full((8, 10), -9.0)
        row[:, first:last] = value
        return row

    given = [
        (logits(0, 8), 0.90),  # A duplicate of the next: IoU 0.8.
        (logits(0, 10), 0.97),
        (logits(0, 5), 0.91),
        (logits(6, 9), 0.88),  # Not above the least predicted IoU.
        (logits(5, 9, 0.5), 0.96),  # Unstable.
        (logits(0, 0), 0.99),  # Empty.
    ]

    def segment(*_: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.stack([mask for mask, _ in given]), torch.tensor([iou for _, iou in given])

    photo = np.zeros((8, 10, 3), np.uint8)
    found = answers(TorchPredictor(segment), photo, np.array([[1, 1]], np.float32), LabelOptions())
    assert [answer.box for answer in found] == [[0, 0, 10, 8], [0, 0, 5, 8]]
    assert [answer.area for answer in found] == [80, 40]


@pytest.mark.parametrize("knows_low_res", [True, False])
def test_only_answers_that_stay_are_brought_to_the_photos_size(knows_low_res: bool) -> None:
    """Of a grid of clicks on two halves, all are judged, and one in each half is asked again."""

    def segment(
        _: torch.Tensor, coords: torch.Tensor, __: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        left = torch.full((8, 10), -9.0)
        left[:, :5] = 9.0
        clicked = left if coords[0, 0] < 20 else -left
        return torch.stack([clicked, -clicked]), torch.tensor([0.95, 0.3])

    class Counting(TorchPredictor):
        enlarged = 0

        def predict(self, *prompts, **options):
            self.enlarged += 1
            return super().predict(*prompts, **options)

    class Plain:
        """A predictor of another package, without `predict_low_res`."""

        def __init__(self, predictor: TorchPredictor) -> None:
            self.set_image, self.predict = predictor.set_image, predictor.predict

    predictor = Counting(segment)
    photo = np.zeros((32, 40, 3), np.uint8)
    clicks = grid_points(40, 32, 4)
    asked = predictor if knows_low_res else Plain(predictor)
    found = answers(asked, photo, clicks, LabelOptions())
    assert [answer.box for answer in found] == [[0, 0, 20, 32], [20, 0, 20, 32]]
    assert predictor.enlarged == (2 if knows_low_res else 16 + 2)


def test_an_answer_that_vanishes_at_the_photos_size_falls() -> None:
    def segment(*_: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        speck = torch.full((1, 16, 20), -9.0)
        speck[0, 4, 4] = 9.0
        return speck, torch.tensor([0.99])

    photo = np.zeros((8, 10, 3), np.uint8)
    assert not answers(TorchPredictor(segment), photo, grid_points(10, 8, 1), LabelOptions())


@pytest.mark.parametrize(
    "wrong",
    [
        {"points_per_side": 0},
        {"points_per_mask": 0},
        {"predicted_iou": 1.5},
        {"stability_score": float("nan")},
        {"stability_offset": 0.0},
    ],
)
def test_options_that_mean_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        LabelOptions(**wrong)


def test_a_torch_function_is_a_predictor() -> None:
    calls = []

    def segment(
        image: torch.Tensor, coords: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append((tuple(image.shape), coords.tolist(), labels.tolist()))
        left = torch.full((4, 6), -1.0)
        left[:, :3] = 1.0
        return torch.stack([left, -left]), torch.tensor([0.4, 0.8])

    predictor = TorchPredictor(segment)
    with pytest.raises(ImageError):
        predictor.predict([[1, 1]], [1])
    predictor.set_image(np.zeros((8, 12, 3), np.uint8))
    masks, ious, low_res = predictor.predict([[1, 2]], [0], [3, 4, 5, 6])
    assert calls == [((3, 8, 12), [[1, 2], [3, 4], [5, 6]], [0, 2, 3])]
    assert masks.shape == (2, 8, 12)
    assert masks[0, :, :6].all()
    assert not masks[0, :, 6:].any()
    assert low_res.shape == (2, 4, 6)
    masks, ious, _ = predictor.predict([[1, 2]], [1], multimask_output=False)
    assert ious.tolist() == pytest.approx([0.8])
    assert masks[0, :, 6:].all()


def test_a_teacher_is_known_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "squeezesam.distillation.teacher.load_baseline", lambda text: text.partition("=")
    )
    encoder, decoder = tmp_path / "e.onnx", tmp_path / "d.onnx"
    weights, stranger = tmp_path / "weights.bin", tmp_path / "notes.txt"
    encoder.write_bytes(b"graph ... weights.bin ...")
    decoder.write_bytes(b"decoder")
    weights.write_bytes(b"1")
    text = f"{encoder},{decoder}"
    first = load_teacher(text)
    assert first.predictor == ("sam-onnx", "=", text)
    assert load_teacher(f"sam-onnx={text}").identity == first.identity
    stranger.write_text("unrelated")
    assert load_teacher(text).identity == first.identity
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in (encoder, decoder, weights):
        (moved / path.name).write_bytes(path.read_bytes())
    assert load_teacher(f"{moved / 'e.onnx'},{moved / 'd.onnx'}").identity == first.identity
    weights.write_bytes(b"2")
    second = load_teacher(text).identity
    decoder.write_bytes(b"Decoder")
    others = {first.identity, second, load_teacher(text).identity, load_teacher("grabcut").identity}
    assert len(others) == 4


def test_suppression_is_by_mask_and_not_by_box() -> None:
    ring, disc = np.ones((16, 16), bool), np.ones((16, 16), bool)
    ring[4:12, 2:14] = False
    bits = [np.packbits(mask) for mask in (ring, disc)]
    assert _iou(*bits) == pytest.approx(ring.sum() / disc.sum())
