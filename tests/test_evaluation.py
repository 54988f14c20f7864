"""Measures, the simulated user, the protocols and the loop, on masks drawn by hand."""

import io
import math
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from squeezesam.data.records import AnnotatedImage, Annotation, Skipped
from squeezesam.errors import ConfigError, DataError
from squeezesam.evaluation.measures import (
    boundary_iou,
    clicks_to_reach,
    largest_loss,
    largest_region,
    mask_iou,
    size_class,
)
from squeezesam.evaluation.protocol import ClickProtocol, next_click
from squeezesam.evaluation.protocols import (
    BoxProtocol,
    ChoiceProtocol,
    PartProtocol,
    band_clicks,
    cut_into_bands,
)
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.run import evaluate
from squeezesam.evaluation.statistics import mean_interval
from squeezesam.evaluation.targets import PackedMask, WantedObject, find_targets
from squeezesam.spec import PointLabel

HEIGHT, WIDTH = 40, 60


def rectangle(left, top, right, bottom, height=HEIGHT, width=WIDTH):
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def random_rectangles(seed, height=50, width=70):
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), bool)
    for _ in range(5):
        x, y = rng.integers(0, width), rng.integers(0, height)
        mask[y : y + rng.integers(1, 25), x : x + rng.integers(1, 25)] ^= True
    return mask


@dataclass(frozen=True)
class StoredMask:
    mask: np.ndarray

    def coverage(self):
        return self.mask.astype(np.uint8) * 255


class DamagedMask:
    def coverage(self):
        raise DataError("the runs do not add up")


@dataclass(frozen=True)
class BlackPhoto:
    def read(self):
        file = io.BytesIO()
        Image.new("RGB", (WIDTH, HEIGHT)).save(file, "png")
        return file.getvalue()


class DamagedPhoto:
    def read(self):
        return b"no photo"


def photo(name, *masks, source=None, ignore=None):
    """An annotated photo; each mask as (kind, mask) or (kind, code)."""
    annotations = tuple(
        Annotation(StoredMask(mask) if isinstance(mask, np.ndarray) else mask, 0, kind)
        for kind, mask in masks
    )
    return AnnotatedImage(name, source or BlackPhoto(), WIDTH, HEIGHT, annotations, ignore)


@dataclass(frozen=True)
class Memory:
    """A data set of photos, None for a damaged annotation file."""

    photos: list
    name: str = "memory"
    skipped: tuple = ()

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, index):
        if self.photos[index] is None:
            raise DataError("no annotation at all")
        return self.photos[index]


class Scripted:
    """Gives prepared masks in turn, and remembers what it was asked."""

    def __init__(self, *masks):
        self.masks = list(masks)
        self.asked = []

    def set_image(self, image):
        self.image = image

    def predict(self, point_coords=None, point_labels=None, box=None, mask_input=None, **_):
        mask = self.masks[min(len(self.asked), len(self.masks) - 1)]
        self.asked.append((point_coords, point_labels, box, mask_input))
        return mask[None], np.ones(1), np.float32(mask[None])


class TestMeasures:
    def test_iou(self):
        a, b = np.zeros((2, 10), bool), np.zeros((2, 10), bool)
        assert mask_iou(a, b) == 1
        a[0, :4], b[0, 2:6] = True, True
        assert mask_iou(a, b) == pytest.approx(2 / 6)

    @pytest.mark.parametrize("seed", range(8))
    def test_boundary_iou_agrees_with_its_definition_pixel_by_pixel(self, seed):
        a, b = random_rectangles(seed), random_rectangles(seed + 100)
        width = round(0.02 * np.hypot(*a.shape))
        assert width == 2

        def boundary(mask):
            """Pixels of the mask that are near a pixel outside it, one at a time."""
            padded = np.pad(mask, width)
            near = np.zeros_like(mask)
            for y, x in np.argwhere(mask):
                near[y, x] = not padded[y : y + 2 * width + 1, x : x + 2 * width + 1].all()
            return near

        expected = mask_iou(boundary(a), boundary(b))
        assert 0 < expected < 1
        assert boundary_iou(a, b) == expected
        assert boundary_iou(a, a) == 1

    def test_boundary_iou_asks_more_of_large_objects(self):
        a, b = rectangle(5, 5, 55, 35), rectangle(7, 5, 55, 35)
        assert boundary_iou(a, b) < mask_iou(a, b) < 1

    def test_boundary_iou_of_nothing(self):
        nothing = np.zeros((HEIGHT, WIDTH), bool)
        assert boundary_iou(nothing, nothing) == 1
        assert boundary_iou(nothing, rectangle(0, 0, 5, 5)) == 0

    def test_clicks_to_reach(self):
        ious = (0.5, 0.85, 0.8, 0.92)
        assert clicks_to_reach(ious, 0.5) == 1
        assert clicks_to_reach(ious, 0.85) == 2
        assert clicks_to_reach(ious, 0.9) == 4
        assert clicks_to_reach(ious, 0.95) == 4

    def test_size_is_a_share_of_the_photo(self):
        assert [size_class(area, 1000) for area in (29, 30, 99, 100, 1000)] == [
            "small", "medium", "medium", "large", "large",
        ]  # fmt: skip

    def test_interval_is_over_photos_and_repeatable(self):
        values = [0.0, 1.0] * 10
        together = mean_interval(values, ["a", "b"] * 10)
        apart = mean_interval(values, [str(index) for index in range(20)])
        assert together.mean == apart.mean == 0.5
        assert (together.low, together.high) == (0, 1)
        assert 0.2 < apart.low < 0.4 < 0.6 < apart.high < 0.8
        assert mean_interval(values, ["a", "b"] * 10) == together


class TestSimulatedUser:
    def test_first_click_is_the_deepest_point_of_the_object(self):
        target = rectangle(10, 5, 31, 16) | rectangle(50, 30, 53, 33)
        click = next_click(target, np.zeros_like(target))
        assert click.y == 10  # as deep anywhere on columns 15..25
        assert 15 <= click.x <= 25
        assert click.label == PointLabel.POSITIVE

    def test_the_deeper_error_is_corrected_not_the_larger(self):
        target = rectangle(0, 0, 60, 5)  # 300 pixels missed, up to 3 deep
        answer = rectangle(20, 20, 29, 29)  # 81 pixels wrong, up to 5 deep
        assert next_click(target, answer) == (24, 24, PointLabel.NEGATIVE)

    def test_the_edge_of_the_photo_is_a_border(self):
        target = rectangle(0, 0, 9, HEIGHT)
        assert next_click(target, np.zeros_like(target))[:2] == (4, 4)

    def test_no_pixel_is_clicked_twice(self):
        target = rectangle(10, 10, 13, 13)
        given = []
        while click := next_click(target, np.zeros_like(target), given):
            given.append(click)
        assert given[0][:2] == (11, 11)
        assert {(x, y) for x, y, _ in given} == {(x, y) for y, x in np.argwhere(target)}
        assert len(given) == 9

    def test_nothing_to_correct(self):
        target = np.eye(5, dtype=bool)
        assert next_click(target, target) is None


class TestTargets:
    def test_a_part_belongs_to_the_whole_that_holds_it(self):
        left, right = rectangle(0, 0, 20, 40), rectangle(30, 0, 60, 40)
        shirt, stray = rectangle(10, 10, 22, 20), rectangle(19, 10, 30, 20)
        image = photo("a", ("part", shirt), ("whole", left), ("whole", right), ("part", stray))
        targets, skipped = find_targets(image)
        assert [target.index for target in targets] == [1, 2]
        assert [len(target.parts) for target in targets] == [1, 0]
        assert np.array_equal(targets[0].parts[0], shirt & left)
        assert not skipped

    def test_unusable_masks_are_named(self):
        wrong_size, empty = np.ones((3, 4), bool), np.zeros((HEIGHT, WIDTH), bool)
        masks = [("whole", wrong_size), ("whole", empty), ("part", DamagedMask())]
        targets, skipped = find_targets(photo("a.jpg", *masks))
        assert not targets
        assert [entry.name for entry in skipped] == [f"a.jpg annotation {i}" for i in range(3)]
        reasons = ["the mask is 4x3, the photo is 60x40", "the mask is empty"]
        assert [entry.reason for entry in skipped[:2]] == reasons

    def test_ignored_pixels_are_not_judged(self):
        whole, unsure = rectangle(10, 10, 30, 30), rectangle(28, 0, 60, 40)
        image = photo("a", ("whole", whole), ignore=StoredMask(unsure))
        predictor = Scripted(rectangle(10, 10, 60, 30))
        (data,) = evaluate(predictor, Memory([image]), {"clicks": ClickProtocol(2)}).protocols
        assert data.objects[0].ious == (1, 1)
        assert data.objects[0].area == 18 * 20


class TestProtocols:
    target = WantedObject(0, PackedMask.of(rectangle(20, 2, 32, 38)))

    def attempts(self, protocol, *answers, target=target):
        predictor = Scripted(*answers)
        return list(protocol.attempts(predictor, target)), predictor.asked

    def test_clicks_add_up_and_the_answer_goes_back_in(self):
        first, second = rectangle(20, 2, 32, 20), rectangle(20, 2, 50, 38)
        attempts, asked = self.attempts(ClickProtocol(3), first, second, self.target.mask)
        assert [len(coords) for coords, *_ in asked] == [1, 2, 3]
        assert asked[2][1].tolist() == [1, 1, 0]
        assert asked[0][3] is None
        assert np.array_equal(asked[1][3][0] > 0, first)
        assert mask_iou(attempts[2].mask, self.target.mask) == 1

    def test_a_perfect_answer_is_repeated_without_asking(self):
        attempts, asked = self.attempts(ClickProtocol(4), self.target.mask)
        assert (len(attempts), len(asked)) == (4, 1)

    def test_clicks_must_be_some(self):
        with pytest.raises(ConfigError, match="clicks=0"):
            ClickProtocol(0)

    def test_the_box_is_tight_and_comes_without_clicks(self):
        _, asked = self.attempts(BoxProtocol(), self.target.mask)
        ((coords, labels, box, _),) = asked
        assert coords is None
        assert labels is None
        assert box.tolist() == [20, 2, 32, 38]

    def test_bands_go_along_a_standing_person(self):
        clicks = band_clicks(self.target.mask, 6)
        assert sorted(y // 6 for _, y, _ in clicks) == list(range(6))
        assert all(self.target.mask[y, x] and label == 1 for x, y, label in clicks)

    def test_bands_follow_a_slanted_object(self):
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        slanted = (abs(y - x * 2 / 3) < 5) & (x > 5)
        bands = cut_into_bands(slanted, 5)
        assert np.array_equal(sum(band.astype(int) for band in bands), slanted)
        assert max(map(np.sum, bands)) - min(map(np.sum, bands)) <= 1
        middles = sorted(float(np.argwhere(band)[:, 1].mean()) for band in bands)
        assert np.all(np.diff(middles) > 5)

    def test_a_band_in_two_pieces_is_clicked_on_the_larger(self):
        legs = rectangle(20, 20, 30, 38) | rectangle(36, 20, 40, 38)
        (click,) = band_clicks(legs, 1)
        assert 20 <= click.x < 30

    def test_fewer_pixels_than_bands(self):
        assert len(band_clicks(rectangle(3, 3, 5, 4), 6)) == 2

    def test_annotated_parts_are_clicked_instead_of_bands(self):
        shirt = rectangle(22, 10, 29, 17)
        target = WantedObject(0, self.target.whole, (PackedMask.of(shirt),))
        attempts, asked = self.attempts(PartProtocol(), shirt, target=target)
        assert [coords.tolist() for coords, *_ in asked] == [[[25, 13]]]
        assert mask_iou(attempts[0].mask, target.mask) == pytest.approx(49 / 432)

    def test_an_object_is_the_mean_over_its_parts(self):
        result = ObjectResult("a", 0, 0, 100, 1000, (0.9, 0.5, 1.0), (0.3, 0.3, 0.6))
        protocol = PartProtocol()
        values = {measure.title: measure.value(result) for measure in protocol.measures}
        assert values == pytest.approx({"IoU@1": 80, "worst part": 50, "BIoU@1": 40})
        assert protocol.pictured(result.ious) == 1


def test_the_truth_gets_full_marks_at_the_first_click():
    mask = rectangle(20, 2, 32, 38)
    protocol = ClickProtocol(20)
    data = evaluate(Scripted(mask), Memory([photo("a", ("whole", mask))]), {"clicks": protocol})
    (result,) = data.protocols[0].objects
    values = {measure.title: measure.value(result) for measure in protocol.measures}
    assert values == {
        **{f"IoU@{count}": 100 for count in (1, 2, 3, 5, 10, 20)},
        **{"NoC@85": 1, "NoC@90": 1, "NoF@85 %": 0, "NoF@90 %": 0},
        **{"BIoU@1": 100, "BIoU@20": 100},
        **{"harm > 1, %": 0, "harm > 5, %": 0},
        **{"harm by negative > 1, %": 0, "harm by negative > 5, %": 0},
    }


@pytest.mark.parametrize(
    ("ious", "labels", "by_any", "by_negative"),
    [
        ((0.6, 0.7, 0.8), (1, 1, 0), 0, 0),
        ((0.6, 0.5, 0.9), (1, 1, 0), 0.1, 0),
        ((0.6, 0.5, 0.45), (1, 1, 0), 0.1, 0.05),
        ((0.6, 0.59, 0.39), (0, 1, 0), 0.2, 0.2),
        ((0.6,), (0,), 0, 0),
    ],
)
def test_harm_is_what_one_click_takes_away(ious, labels, by_any, by_negative):
    assert largest_loss(ious, labels, (0, 1)) == pytest.approx(by_any)
    assert largest_loss(ious, labels, (0,)) == pytest.approx(by_negative)


def test_labels_and_predictions_of_the_attempts_are_kept():
    mask = rectangle(20, 2, 32, 38)
    leak = mask | rectangle(0, 0, 12, 38)
    data = evaluate(
        Scripted(leak, mask),
        Memory([photo("a", ("whole", mask))]),
        {"clicks": ClickProtocol(3), "box": BoxProtocol()},
    )
    clicks, box = (result.objects[0] for result in data.protocols)
    assert clicks.labels == (1, 0, 0)
    assert clicks.predicted_ious == (1, 1, 1)
    assert box.labels == (-1,)


class Candidates(Scripted):
    """Gives mask 0 or the three alternatives, and predicts an IoU of each."""

    predicted = (0.5, 0.2, 0.9, 0.1)

    def predict(self, *_, multimask_output, **__):
        chosen = slice(1, None) if multimask_output else slice(0, 1)
        masks = np.stack(self.masks[chosen])
        return masks, np.array(self.predicted[chosen]), np.float32(masks)


def test_the_choice_among_the_masks_of_one_click():
    mask = rectangle(20, 2, 32, 38)
    half, tenth = rectangle(20, 2, 26, 38), rectangle(20, 2, 32, 6)
    data = evaluate(
        Candidates(half, mask, tenth, half),
        Memory([photo("a", ("whole", mask))]),
        {"choice": ChoiceProtocol()},
    )
    (result,) = data.protocols[0].objects
    columns = {column.title: column for column in ChoiceProtocol().measures}
    correlated = columns.pop("correlation")
    assert {title: column.value(result) for title, column in columns.items()} == pytest.approx(
        {
            "mask 0": 50,
            "highest predicted": 100 / 9,
            "best mask (oracle)": 100,
            "predicted IoU off by": 25 * (0 + 0.8 + (0.9 - 1 / 9) + 0.4),
        }
    )
    assert correlated.figure(np.array(correlated.terms(result))) == pytest.approx(
        np.corrcoef(Candidates.predicted, result.ious)[0, 1]
    )


def test_who_predicts_no_iou_offers_no_choice():
    mask = rectangle(20, 2, 32, 38)
    candidates = Candidates(mask, mask, mask, mask)
    candidates.predicted = (math.nan,) * 4
    with pytest.raises(ConfigError, match="needs predicted IoUs"):
        evaluate(candidates, Memory([photo("a", ("whole", mask))]), {"choice": ChoiceProtocol()})


def test_what_is_damaged_is_skipped_and_listed():
    mask = rectangle(20, 2, 32, 38)
    photos = [
        photo("good.jpg", ("whole", mask), ("whole", DamagedMask()), ("segment", mask)),
        None,
        photo("damaged.jpg", ("whole", mask), source=DamagedPhoto()),
    ]
    dataset = Memory(photos, skipped=(Skipped("z.json", "not JSON"),))
    data = evaluate(Scripted(mask), dataset, {"box": BoxProtocol()})
    assert [entry.name for entry in data.skipped] == [
        "z.json", "good.jpg annotation 1", "photo 1", "photo 2",
    ]  # fmt: skip
    assert data.photos == 1
    assert [result.index for result in data.protocols[0].objects] == [0, 2]


@pytest.mark.parametrize(
    ("limit", "names"), [(None, "abcdefg"), (9, "abcdefg"), (3, "ace"), (1, "a")]
)
def test_a_limit_spreads_the_photos(limit, names):
    mask = rectangle(20, 2, 32, 38)
    dataset = Memory([photo(name, ("whole", mask)) for name in "abcdefg"])
    data = evaluate(Scripted(mask), dataset, {"box": BoxProtocol()}, limit)
    assert "".join(result.photo for result in data.protocols[0].objects) == names


def test_nothing_to_evaluate():
    mask = rectangle(20, 2, 32, 38)
    dataset = Memory([photo("a", ("part", mask)), None])
    with pytest.raises(DataError, match="memory holds no whole object"):
        evaluate(Scripted(mask), dataset, {"box": BoxProtocol()})


def test_largest_region_is_connected_over_corners():
    mask = np.eye(6, dtype=bool)
    mask[0, 3:6] = True
    assert np.array_equal(largest_region(mask), np.eye(6, dtype=bool))
