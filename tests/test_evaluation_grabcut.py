"""The GrabCut baseline."""

import numpy as np
import pytest

from squeezesam.errors import ConfigError, ImageError, PromptError
from squeezesam.evaluation.grabcut import (
    BACKGROUND,
    FOREGROUND,
    PROBABLE_BACKGROUND,
    PROBABLE_FOREGROUND,
    initial_labels,
)
from squeezesam.evaluation.measures import mask_iou
from squeezesam.evaluation.models import load_baseline
from squeezesam.inference.prompts import check_prompts

HEIGHT, WIDTH = 72, 96


def bright_ellipse():
    """A photo and the mask of what is bright on it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    mask = ((x - 50) / 22) ** 2 + ((y - 35) / 16) ** 2 < 1
    colour = np.where(mask[..., None], (220, 180, 60), (40, 60, 90))
    noise = np.random.default_rng(0).normal(0, 8, colour.shape)
    return (colour + noise).clip(0, 255).astype(np.uint8), mask


@pytest.fixture(scope="module")
def predictor():
    return load_baseline("grabcut")


@pytest.mark.parametrize(
    "prompts",
    [
        {"point_coords": [[50, 35]], "point_labels": [1]},
        {"point_coords": [[50, 35], [5, 5]], "point_labels": [1, 0]},
        {"box": [24, 15, 76, 55]},
    ],
)
def test_a_bright_ellipse_is_found_the_same_each_time(predictor, prompts):
    photo, target = bright_ellipse()
    predictor.set_image(photo)
    masks, ious, _ = predictor.predict(**prompts)
    assert mask_iou(masks[0], target) > 0.95
    assert np.isnan(ious).all()
    again, _, _ = predictor.predict(**prompts)
    assert np.array_equal(masks, again)


def test_a_second_object_of_the_same_colour_is_left_alone(predictor):
    photo, target = bright_ellipse()
    two = photo.copy()
    two[60:70, 2:12] = photo[30:40, 45:55]
    predictor.set_image(two)
    assert mask_iou(predictor.predict([[50, 35]], [1])[0][0], target) > 0.95
    both = predictor.predict([[50, 35], [6, 65]], [1, 1])[0][0]
    assert both[62:68, 4:10].all()
    assert both[35, 50]


@pytest.mark.parametrize(
    ("prompts", "inside"),
    [
        ({"box": [0, 0, WIDTH, HEIGHT]}, 1.0),  # nothing left to be background
        ({"point_coords": [[1, 1]], "point_labels": [0]}, 0.0),  # nothing said to be the object
    ],
)
def test_one_class_only(predictor, prompts, inside):
    predictor.set_image(bright_ellipse()[0])
    assert predictor.predict(**prompts)[0].mean() == inside


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 2), (HEIGHT, WIDTH)])
def test_photos_without_contrast_do_not_crash(predictor, shape):
    predictor.set_image(np.full((*shape, 3), 128, np.uint8))
    masks, _, _ = predictor.predict([[0, 0]], [1])
    assert masks.shape == (1, *shape)
    assert masks[0, 0, 0]


def labels_of(coords=None, labels=None, box=None):
    return initial_labels(check_prompts(coords, labels, box, width=96, height=72), 72, 96)


def test_what_grabcut_starts_from():
    clicked = labels_of([[30, 30], [40, 30]], [1, 0])
    assert clicked[30, 30] == FOREGROUND
    assert clicked[30, 40] == BACKGROUND
    assert clicked[30, 34] == PROBABLE_FOREGROUND  # nearer to the positive click
    assert clicked[30, 36] == PROBABLE_BACKGROUND  # nearer to the negative one
    assert clicked[70, 90] == PROBABLE_BACKGROUND  # out of reach

    boxed = labels_of(box=[10, 20, 30, 40])
    assert (boxed == PROBABLE_FOREGROUND).sum() == 20 * 20
    assert (boxed == BACKGROUND).sum() == 72 * 96 - 20 * 20


def test_the_later_click_wins():
    assert labels_of([[30, 30], [30, 31]], [1, 0])[30, 30] == BACKGROUND


def test_misuse(predictor):
    with pytest.raises(ImageError, match="set_image"):
        load_baseline("grabcut").predict([[0, 0]], [1])
    predictor.set_image(bright_ellipse()[0])
    with pytest.raises(PromptError, match="clicks or a box"):
        predictor.predict()
    with pytest.raises(PromptError, match="outside"):
        predictor.predict([[96, 0]], [1])
    with pytest.raises(ConfigError, match="takes no argument"):
        load_baseline("grabcut=5")
    with pytest.raises(ConfigError, match=r"unknown baseline 'magic'; choose one of .*grabcut"):
        load_baseline("magic=1")
