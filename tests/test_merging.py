"""Which mask a piece grows into."""

import numpy as np
import pytest

from squeezesam.training.samples import MergeConfig, whole_of_each

CONFIG = MergeConfig()


def rectangle(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((60, 40), bool)
    mask[top:bottom, left:right] = True
    return mask


PERSON = rectangle(5, 55, 10, 30)
SHIRT = rectangle(15, 30, 10, 30)
BUTTON = rectangle(20, 23, 19, 21)


def test_every_piece_gives_the_person_whatever_the_order():
    assert whole_of_each([BUTTON, SHIRT, PERSON], CONFIG) == [(0, 2), (1, 2), (2,)]
    assert whole_of_each([PERSON, SHIRT, BUTTON], CONFIG) == [(0,), (1, 0), (2, 0)]


def test_a_piece_that_sticks_out_too_far_stays_alone():
    bag = rectangle(30, 40, 26, 38)  # a third of it on the person
    assert whole_of_each([bag, PERSON], CONFIG)[0] == (0,)


def test_the_same_object_labelled_twice_is_not_merged():
    again = rectangle(5, 54, 10, 30)
    assert whole_of_each([PERSON, again], CONFIG) == [(0,), (1,)]


def test_the_scene_is_not_an_object():
    scene = rectangle(0, 60, 0, 40)
    assert whole_of_each([PERSON, scene], CONFIG)[0] == (0,)


def test_a_hole_in_a_segmentation_is_filled_by_what_encloses_it():
    print_on_it = rectangle(18, 26, 15, 25)
    shirt = SHIRT & ~print_on_it
    trousers = rectangle(30, 55, 10, 30)
    wholes = whole_of_each([print_on_it, shirt, trousers], CONFIG)
    assert wholes[0] == (0, 1)
    assert wholes[1] == (1,)


def test_the_sky_does_not_swallow_the_bird():
    bird = rectangle(10, 16, 15, 25)
    sky = rectangle(0, 30, 0, 40) & ~bird
    assert whole_of_each([bird, sky], CONFIG)[0] == (0,)


@pytest.mark.parametrize("masks", [[], [np.zeros((60, 40), bool), PERSON]])
def test_empty_input(masks):
    assert whole_of_each(masks, CONFIG) == [(index,) for index in range(len(masks))]
