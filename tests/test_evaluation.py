import numpy as np
import pytest
import torch
from conftest import write_scene

from squeezesam.data.sa1b import Sa1bFolder
from squeezesam.evaluation.clicks import next_click
from squeezesam.evaluation.protocol import ObjectResult, evaluate, mask_iou, mean_iou
from squeezesam.predictor import SamPredictor
from squeezesam.spec import PointLabel


def test_first_click_is_the_centre_of_the_largest_region():
    target = np.zeros((40, 60), bool)
    target[5:16, 10:31] = True  # centre row 10, and as deep anywhere on columns 15..25
    target[30:33, 50:53] = True
    click = next_click(target, np.zeros_like(target))
    assert click.y == 10
    assert 15 <= click.x <= 25
    assert click.label == PointLabel.POSITIVE


def test_click_on_a_wrong_region_is_negative():
    target = np.zeros((40, 40), bool)
    target[:10, :10] = True
    answer = target.copy()
    answer[20:29, 20:29] = True
    assert next_click(target, answer) == (24, 24, PointLabel.NEGATIVE)


def test_photo_edge_counts_as_border():
    target = np.zeros((9, 30), bool)
    target[:, :9] = True
    assert next_click(target, np.zeros_like(target))[:2] == (4, 4)


def test_nothing_to_correct():
    target = np.eye(5, dtype=bool)
    assert next_click(target, target) is None


def test_iou():
    a, b = np.zeros((2, 10), bool), np.zeros((2, 10), bool)
    assert mask_iou(a, b) == 1
    a[0, :4], b[0, 2:6] = True, True
    assert mask_iou(a, b) == pytest.approx(2 / 6)


def test_evaluation_skips_parts_and_reaches_the_photo_size(tmp_path):
    write_scene(tmp_path, "a", 1)
    write_scene(tmp_path, "b", 2, kind="part")
    size = 96

    def colour_network(image, *_):
        # The ellipse is the bright thing: a perfect answer up to the resolution of the mask.
        red = torch.nn.functional.avg_pool2d(image[:, :1], 2)
        return red.expand(-1, 4, -1, -1) * 10, torch.ones(1, 4)

    (result,) = evaluate(SamPredictor(colour_network, size), [*Sa1bFolder.open(tmp_path)], clicks=2)
    assert result.photo == "a.jpg"
    assert len(result.ious) == 2
    assert result.ious[0] > 0.9


def test_interval_holds_the_mean():
    results = [ObjectResult("a.jpg", i, (i / 10, 1.0)) for i in range(11)]
    interval = mean_iou(results, 1)
    assert interval.mean == pytest.approx(50)
    assert interval.low < 50 < interval.high
    assert mean_iou(results, 2).low == 100
