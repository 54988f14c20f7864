"""The closer look: its view, masks on their way there and back, and the predictor that uses it."""

import numpy as np
import pytest
import torch
from test_predictor import SIDE, SIZE, disc_network
from torch import Tensor

from squeezesam.errors import ConfigError
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.looks import Looking, View, onto_photo, onto_view, resampled, surroundings
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompts import Prompts, check_prompts
from squeezesam.spec import OUTSIDE_LOGIT, MapChannel

LOOKING = Looking(surroundings=150, smallest=10)
WIDTH, HEIGHT = 400, 300
FRAME = Letterbox.fit(WIDTH, HEIGHT, SIZE)  # a mask pixel is 6.25 photo pixels


def prompts(clicks=(), labels=(), box=None) -> Prompts:
    given = (clicks, labels) if len(clicks) else (None, None)
    return check_prompts(*given, box, width=WIDTH, height=HEIGHT)


def mask_with(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(FRAME.mask_size[::-1], np.bool_)
    mask[rows, columns] = True
    return mask


NOTHING = mask_with(slice(0), slice(0))


class TestSurroundings:
    def test_a_square_half_as_large_again_around_the_mask(self):
        view = surroundings(mask_with(slice(16, 32), slice(16, 24)), prompts(), FRAME, LOOKING)
        assert view == View(50, 75, 150, 150)  # around 100..150 and 100..200

    def test_it_is_moved_into_the_photo(self):
        mask = mask_with(slice(0, 16), slice(48, 64))
        assert surroundings(mask, prompts(), FRAME, LOOKING) == View(250, 0, 150, 150)

    def test_a_side_ends_with_the_photo(self):
        mask = mask_with(slice(8, 16), slice(8, 60))
        assert surroundings(mask, prompts(), FRAME, LOOKING) == View(0, 0, WIDTH, HEIGHT)

    def test_positive_clicks_count_and_negative_ones_do_not(self):
        mask = mask_with(slice(16, 32), slice(16, 24))
        asked = prompts([(260, 150), (20, 20)], [1, 0])
        view = surroundings(mask, asked, FRAME, LOOKING)
        assert view == View(59, 29, 242, 242)  # around 100..261 and 100..200

    def test_a_box_counts_to_its_outer_pixels(self):
        view = surroundings(NOTHING, prompts(box=(10.5, 20, 29.5, 30)), FRAME, LOOKING)
        assert view == View(5, 10, 30, 30)

    def test_never_smaller_than_the_smallest(self):
        asked = prompts([(200, 150)], [1])
        assert surroundings(NOTHING, asked, FRAME, Looking(smallest=64)) == View(168, 118, 64, 64)

    @pytest.mark.parametrize("size", [(12_000, 5000), (5000, 12_000), (60_000, 700)])
    def test_the_answer_has_a_place_in_the_mask_of_the_photo(self, size):
        letterbox = Letterbox.fit(*size, SIZE)
        columns, rows = letterbox.mask_size
        nothing = np.zeros((rows, columns), bool)
        rng = np.random.default_rng(1)
        for _ in range(20):
            asked = check_prompts([rng.integers(0, size)], [1], None, width=size[0], height=size[1])
            view = surroundings(nothing, asked, letterbox, Looking())
            closer = Letterbox.fit(view.width, view.height, SIZE)
            logits = np.full((1, SIZE // 2, SIZE // 2), 5.0, np.float32)
            assert (onto_photo(logits, view, closer, letterbox) > 0).any()

    def test_nothing_to_be_around_is_the_whole_photo(self):
        asked = prompts([(200, 150)], [0])
        assert surroundings(NOTHING, asked, FRAME, LOOKING) == View.whole(WIDTH, HEIGHT)

    @pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2000), (333, 500)])
    def test_every_view_lies_on_its_photo(self, size):
        letterbox = Letterbox.fit(*size, SIZE)
        columns, rows = letterbox.mask_size
        rng = np.random.default_rng(sum(size))
        for _ in range(50):
            mask = rng.random((rows, columns)) < rng.uniform(0, 0.1)
            click = rng.integers(0, size)
            asked = check_prompts([click], [1], None, width=size[0], height=size[1])
            view = surroundings(mask, asked, letterbox, LOOKING)
            assert 0 <= view.left <= click[0] < view.left + view.width <= size[0]
            assert 0 <= view.top <= click[1] < view.top + view.height <= size[1]


@pytest.mark.parametrize("numbers", [{"surroundings": 99}, {"smallest": 0}])
def test_bad_numbers(numbers):
    with pytest.raises(ConfigError, match="must be at least"):
        Looking(**numbers)


def test_prompts_move_with_the_view_and_clicks_beside_it_are_left_out():
    asked = prompts([(60, 80), (199, 224), (200, 80), (49, 80)], [1, 0, 0, 0], (50, 75, 100, 90))
    moved = View(50, 75, 150, 150).moved(asked)
    assert moved.coords.tolist() == [[10, 5], [149, 149]]
    assert moved.labels.tolist() == [1, 0]
    assert moved.box.tolist() == [0, 0, 50, 15]


class TestMoving:
    def ramp(self) -> np.ndarray:
        """Logits that are the place of their pixel's centre on the photo, in photo pixels."""
        logits = np.zeros((SIDE, SIDE), np.float32)
        logits[:] = (np.arange(SIDE) + 0.5) * WIDTH / FRAME.mask_size[0]
        return logits

    def test_places_stay_where_they_are_on_the_photo(self):
        view = View(52, 31, 111, 90)
        letterbox = Letterbox.fit(view.width, view.height, SIZE)
        moved = onto_view(self.ramp(), FRAME, view, letterbox)
        columns, rows = letterbox.mask_size
        centres = view.left + (np.arange(columns) + 0.5) * view.width / columns
        assert np.allclose(moved[:rows, :columns], centres, atol=1e-3)
        assert (moved[rows:] == OUTSIDE_LOGIT).all()
        assert (moved[:, columns:] == OUTSIDE_LOGIT).all()

    def test_there_and_back(self):
        view = View(100, 100, 150, 150)
        letterbox = Letterbox.fit(view.width, view.height, SIZE)
        there = onto_view(self.ramp(), FRAME, view, letterbox)
        (back,) = onto_photo(there[None], view, letterbox, FRAME)
        inside = np.zeros((SIDE, SIDE), np.bool_)
        inside[16:40, 16:40] = True  # mask pixels whose centre is in 100..250
        assert np.allclose(back[inside], self.ramp()[inside], atol=1e-3)
        assert (back[~inside] == OUTSIDE_LOGIT).all()

    def test_the_whole_photo_at_the_same_size_does_not_change(self):
        whole = View.whole(WIDTH, HEIGHT)
        logits = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(np.float32)
        columns, rows = FRAME.mask_size
        moved = onto_view(logits, FRAME, whole, FRAME)
        assert np.array_equal(moved[:rows, :columns], logits[:rows, :columns])

    def test_beyond_the_edge_the_edge_goes_on(self):
        values = np.array([[1, 3], [5, 7]], np.float32)
        places = np.array([-2, 0, 0.25, 1, 4])
        assert resampled(values, places, np.array([0.0])).tolist() == [[1, 1, 1.5, 3, 3]]
        assert resampled(values, np.array([0.0]), places).ravel().tolist() == [1, 1, 2, 5, 5]


class Watching:
    """A network of discs that keeps what it is given."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, Tensor, Tensor]] = []

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        self.calls.append(inputs)
        return disc_network(*inputs)


def predictor_on(photo: np.ndarray) -> tuple[SamPredictor, Watching]:
    network = Watching()
    predictor = SamPredictor(network, SIZE)
    predictor.set_image(photo)
    return predictor, network


def test_a_click_costs_two_looks_and_the_second_one_is_sharper():
    photo = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    photo[::2] = 255  # stripes that the glance cannot tell apart
    predictor, network = predictor_on(photo)
    predictor.predict([(200, 150)], [1], multimask_output=False)
    (glance, _, _), (closer, maps, _) = network.calls
    assert glance[0, :, :90].std() < 0.1 < closer[0, :, :90].std()
    previous = maps[0, MapChannel.PREVIOUS_MASK] > 0
    # The disc of the glance, now two thirds of the view across.
    assert previous.float().mean().item() == pytest.approx(np.pi / 4 / 1.5**2, rel=0.1)
    clicked = torch.nonzero(maps[0, MapChannel.POSITIVE] == 1).float().mean(0)
    assert (clicked - SIDE / 2).abs().max() <= 1.5


def test_an_earlier_mask_takes_the_place_of_the_glance():
    predictor, network = predictor_on(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    _, _, low_res = predictor.predict([(200, 150)], [1], multimask_output=False)
    assert len(network.calls) == 2
    predictor.predict([(200, 150), (220, 150)], [1, 1], mask_input=low_res)
    assert len(network.calls) == 3


def test_nothing_outside_of_the_view_belongs_to_the_mask():
    def everything(image: Tensor, maps: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        if maps[0, MapChannel.PREVIOUS_MASK].any():
            return torch.ones(1, 4, SIDE, SIDE), torch.ones(1, 4)
        return disc_network(image, maps, tokens)

    predictor = SamPredictor(everything, SIZE)
    predictor.set_image(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    answer = predictor.answer([(200, 150)], [1], multimask_output=False)
    view = answer.view
    inside = np.zeros((HEIGHT, WIDTH), np.bool_)
    inside[view.top : view.top + view.height, view.left : view.left + view.width] = True
    assert 0 < inside.mean() < 0.5
    assert np.array_equal(answer.photo_masks()[0], inside)
    assert np.array_equal(answer.photo_alphas()[0] == 255, inside)
    logits = answer.photo_logits()[0]
    assert (logits[inside] == 1).all()
    assert (logits[~inside] == OUTSIDE_LOGIT).all()
    low_res = answer.low_res_masks[0] > 0
    assert abs(low_res.sum() * 6.25**2 - inside.sum()) < 0.1 * inside.sum()


def test_the_callers_array_may_change_after_set_image():
    photo = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    predictor, network = predictor_on(photo.copy())
    predictor.predict([(200, 150)], [1])
    given = photo.copy()
    changed, watching = predictor_on(given)
    given[:] = 0
    changed.predict([(200, 150)], [1])
    assert all(map(torch.equal, network.calls[1], watching.calls[1]))


def test_one_look_on_request():
    network = Watching()
    predictor = SamPredictor(network, SIZE, looking=None)
    predictor.set_image(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    predictor.predict([(200, 150)], [1])
    assert len(network.calls) == 1
