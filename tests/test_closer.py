"""The closer look of training: what is cut out, and where the prompts are afterwards."""

import torch

from squeezesam.spec import BOX_SLOTS, POINT_SLOTS, PointLabel
from squeezesam.training.augmentation import Batch
from squeezesam.training.closer import CloserConfig, closer_look, extents
from squeezesam.training.simulated_user import Slots

SIZE = 64
SIDE = SIZE // 2
EXACT = CloserConfig(surroundings=(2.0, 2.0), smallest=0.1)


def places(side: int) -> torch.Tensor:
    """A picture whose two channels are x and y of each pixel's centre, in input pixels."""
    along = (torch.arange(side) + 0.5) * SIZE / side
    return torch.stack(torch.meshgrid(along, along, indexing="xy"))[None]


def asked(x: float, y: float, label: PointLabel, *, boxed: bool = False) -> Slots:
    coords = torch.zeros(1, POINT_SLOTS + BOX_SLOTS, 2)
    labels = torch.full((1, POINT_SLOTS + BOX_SLOTS), int(PointLabel.PAD))
    coords[0, 13], labels[0, 13] = torch.tensor([x, y]), int(label)
    if boxed:
        coords[0, -2:] = torch.tensor([[24.0, 28.0], [40.0, 36.0]])
        labels[0, -2:] = torch.tensor([2, 3])
    return Slots(coords, labels)


def look(
    slots: Slots, answer: tuple[slice, slice], config: CloserConfig = EXACT
) -> tuple[Batch, Slots, torch.Tensor]:
    """A picture of places, looked at again around an answer of some mask pixels."""
    picture = places(SIZE)
    target = torch.zeros(1, 1, SIDE, SIDE)
    previous = torch.full((1, 1, SIDE, SIDE), -4.0)
    previous[0, 0, *answer] = 4.0
    target[0, 0, *answer] = 1.0
    image = torch.cat([picture, picture[:, :1]], dim=1)
    shown = torch.ones(1, 1, SIDE, SIDE, dtype=torch.bool)
    batch = Batch(image, target, target, shown, torch.ones(1))
    return closer_look(batch, slots, previous, config, torch.Generator().manual_seed(0))


def test_the_window_is_around_the_answer_and_prompts_move_with_it() -> None:
    # The answer covers 24..40 x 28..36: a window of 32 pixels from (16, 16) on.
    nearer, slots, previous = look(
        asked(33.0, 31.0, PointLabel.POSITIVE, boxed=True), (slice(14, 18), slice(12, 20))
    )
    expected = 16 + places(SIZE) / 2
    torch.testing.assert_close(nearer.image[:, :2], expected, atol=1e-3, rtol=0)
    assert slots.coords[0, 13].tolist() == [34.0, 30.0]
    assert slots.labels[0, 13] == PointLabel.POSITIVE
    assert slots.coords[0, -2:].tolist() == [[16.0, 24.0], [48.0, 40.0]]
    assert slots.labels[0, -2:].tolist() == [2, 3]
    inside = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    inside[12:20, 8:24] = True
    assert torch.equal(previous[0, 0] > 0, inside)
    assert torch.equal(nearer.target[0, 0] > 0.5, inside)
    assert nearer.shown.all()


def test_a_negative_click_outside_of_the_window_is_left_out() -> None:
    _, slots, _ = look(asked(2.0, 2.0, PointLabel.NEGATIVE), (slice(14, 18), slice(12, 20)))
    assert (slots.labels == PointLabel.PAD).all()


def test_a_positive_click_widens_the_window() -> None:
    _, slots, _ = look(asked(2.0, 32.0, PointLabel.POSITIVE), (slice(14, 18), slice(12, 20)))
    assert slots.labels[0, 13] == PointLabel.POSITIVE
    assert (slots.coords[0, 13] >= 0).all()


def test_nothing_found_is_the_whole_picture() -> None:
    nearer, _, _ = look(asked(5.0, 5.0, PointLabel.NEGATIVE), (slice(0), slice(0)))
    torch.testing.assert_close(nearer.image[:, :2], places(SIZE), atol=1e-3, rtol=0)


def test_never_closer_than_the_smallest() -> None:
    config = CloserConfig(surroundings=(2.0, 2.0), smallest=0.5)
    nearer, _, _ = look(
        asked(32.0, 32.0, PointLabel.POSITIVE), (slice(16, 17), slice(16, 17)), config
    )
    across = nearer.image[0, 0, 0]
    assert (across[-1] - across[0]).item() == torch.tensor(32.0 * 63 / 64).item()


def test_extents_of_a_mask_and_points() -> None:
    mask = torch.zeros(2, 1, SIDE, SIDE, dtype=torch.bool)
    mask[0, 0, 3:5, 7:9] = True
    coords = torch.tensor([[[30.0, 4.0]], [[30.0, 4.0]]])
    low, high = extents(mask, coords, torch.tensor([[True], [False]]))
    assert low.tolist() == [[14.0, 4.0], [0.0, 0.0]]
    assert high.tolist() == [[30.0, 10.0], [SIZE, SIZE]]
