"""MAE, F-measure and S-measure: by hand, and the last against its definition written out again."""

import math

import numpy as np
import pytest

from squeezesam.evaluation.saliency import (
    Curve,
    max_f_measure,
    mean_absolute_error,
    precision_recall,
    s_measure,
)

EPSILON = float(np.finfo(np.float64).eps)


def defined_s_measure(heat, target):
    """Fan et al. 2017, equations 1 to 9 with alpha 0.5, in plain loops over numbered pixels."""
    height, width = len(heat), len(heat[0])
    pixels = [(y, x) for y in range(height) for x in range(width)]
    inside = [p for p in pixels if target[p[0]][p[1]]]
    share = len(inside) / len(pixels)
    mean = sum(heat[y][x] for y, x in pixels) / len(pixels)
    if share in (0, 1):
        return mean if share else 1 - mean

    def evenness(values):
        middle = math.fsum(values) / len(values)
        spread = 0.0
        if len(values) > 1:
            squares = math.fsum((value - middle) ** 2 for value in values)
            spread = math.sqrt(squares / (len(values) - 1))
        return 2 * middle / (middle**2 + 1 + spread + EPSILON)

    foreground = evenness([heat[y][x] for y, x in inside])
    background = evenness([1 - heat[y][x] for y, x in pixels if not target[y][x]])
    objects = share * foreground + (1 - share) * background

    # Counted from 1, as in the paper's code: rows 1..row are the upper ones.
    row, column = (math.floor(sum(p[i] + 1 for p in inside) / len(inside) + 0.5) for i in (0, 1))
    regions = 0.0
    for upper in (True, False):
        for left in (True, False):
            block = [p for p in pixels if (p[0] < row) == upper and (p[1] < column) == left]
            if block:
                given = [heat[y][x] for y, x in block]
                wanted = [float(target[y][x]) for y, x in block]
                regions += len(block) / len(pixels) * similarity(given, wanted)
    return max(0.0, 0.5 * objects + 0.5 * regions)


def similarity(given, wanted):
    count = len(given)
    x, y = math.fsum(given) / count, math.fsum(wanted) / count
    rest = count - 1 + EPSILON
    variances = math.fsum((a - x) ** 2 for a in given) + math.fsum((b - y) ** 2 for b in wanted)
    covariance = math.fsum((a - x) * (b - y) for a, b in zip(given, wanted, strict=True)) / rest
    above, below = 4 * x * y * covariance, (x**2 + y**2) * variances / rest
    if above != 0:
        return above / (below + EPSILON)
    return 1.0 if below == 0 else 0.0


def random_case(seed):
    """A heat map that has to do with its target, and one that has not, of odd sizes."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(2, 14, 2)
    target = rng.random((height, width)) < rng.uniform(0.1, 0.9)
    noise = rng.random((height, width))
    heat = noise if seed % 3 == 0 else np.clip(0.7 * target + 0.5 * noise - 0.1, 0, 1)
    return (heat if seed % 4 else heat.round()), target


@pytest.mark.parametrize("seed", range(60))
def test_s_measure_is_what_was_defined(seed):
    heat, target = random_case(seed)
    expected = defined_s_measure(heat.tolist(), target.tolist())
    assert s_measure(heat, target) == pytest.approx(expected, abs=1e-9)


def test_s_measure_of_right_and_wrong():
    target = np.zeros((20, 30), bool)
    target[5:15, 8:20] = True
    right, wrong = target.astype(float), 1.0 - target
    assert s_measure(right, target) == pytest.approx(1)
    assert s_measure(wrong, target) == 0
    half_right = 0.5 * right + 0.25
    assert 0 < s_measure(half_right, target) < 1


@pytest.mark.parametrize(
    ("full", "level", "expected"), [(False, 0.25, 0.75), (True, 0.25, 0.25), (True, 1.0, 1.0)]
)
def test_s_measure_of_a_target_that_is_nothing_or_everything(full, level, expected):
    assert s_measure(np.full((3, 4), level), np.full((3, 4), full)) == pytest.approx(expected)


@pytest.mark.parametrize("corner", [(0, 0), (0, 4), (2, 0), (2, 4)])
def test_s_measure_of_one_pixel_in_a_corner(corner):
    """Three quarters or two are empty then, and one may be a single pixel."""
    target = np.zeros((3, 5), bool)
    target[corner] = True
    heat = np.linspace(0, 1, 15).reshape(3, 5)
    expected = defined_s_measure(heat.tolist(), target.tolist())
    assert math.isfinite(expected)
    assert s_measure(heat, target) == pytest.approx(expected, abs=1e-9)


def test_s_measure_by_hand():
    """Two by two, the left column is the target. The centroid is (1.5, 1) counted from 1, which
    rounds to row 2: the quarters are the two columns. In the left one 4 * 0.75 * 1 * 0 = 0 over
    (0.75^2 + 1) * 0.125 gives 0; the right one is empty of both, which counts as 1.
    """
    target = np.array([[True, False], [True, False]])
    heat = np.array([[1.0, 0.0], [0.5, 0.0]])
    regions = 0.5 * 0 + 0.5 * 1
    foreground = 2 * 0.75 / (0.75**2 + 1 + math.sqrt(0.125))
    objects = 0.5 * foreground + 0.5 * 1
    assert s_measure(heat, target) == pytest.approx(0.5 * objects + 0.5 * regions)


def test_mean_absolute_error_by_hand():
    target = np.array([[True, False], [False, False]])
    heat = np.array([[0.75, 0.5], [0.0, 0.0]])
    assert mean_absolute_error(heat, target) == (0.25 + 0.5) / 4


def test_precision_and_recall_by_hand():
    target = np.array([[True, True, False, False]])
    curve = precision_recall(np.array([[200, 100, 150, 0]], np.uint8), target)
    assert curve.precision.shape == curve.recall.shape == (255,)

    def at(threshold):
        return curve.precision[threshold - 1], curve.recall[threshold - 1]

    assert at(1) == at(100) == (2 / 3, 1)
    assert at(101) == at(150) == (1 / 2, 1 / 2)
    assert at(151) == at(200) == (1, 1 / 2)
    assert at(201) == at(255) == (1, 0)


@pytest.mark.parametrize("seed", range(10))
def test_precision_and_recall_threshold_by_threshold(seed):
    rng = np.random.default_rng(seed)
    heat = rng.integers(0, 256, (9, 11), dtype=np.uint8)
    target = rng.random((9, 11)) < 0.3
    curve = precision_recall(heat, target)
    for threshold in range(1, 256):
        found = heat >= threshold
        hits = np.count_nonzero(found & target)
        expected = hits / found.sum() if found.any() else 1
        assert curve.precision[threshold - 1] == expected
        assert curve.recall[threshold - 1] == hits / target.sum()


def test_f_measure_by_hand():
    """Precision counts more: beta^2 is 0.3. The best threshold may be another for each photo, but
    one is taken for all.
    """
    level = np.zeros(255)
    one = Curve(np.where(np.arange(255) < 100, 0.8, 0.0), np.where(np.arange(255) < 100, 0.5, 0.0))
    assert max_f_measure([one]) == pytest.approx(1.3 * 0.8 * 0.5 / (0.3 * 0.8 + 0.5))
    first, second = level.copy(), level.copy()
    first[10], second[20] = 1.0, 1.0
    apart = [Curve(first, first), Curve(second, second)]
    assert max_f_measure(apart) == pytest.approx(0.5)
    assert max_f_measure([Curve(first, first)] * 2) == pytest.approx(1)
    assert max_f_measure([Curve(level, level)]) == 0
