"""The golden vectors of the closer look, and a slow second implementation that is held to them."""

import base64
import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from squeezesam.spec import MAP_STRIDE, OUTSIDE_LOGIT
from squeezesam.vectors.looks import golden_vectors

GOLDEN = Path(__file__).parent / "data" / "looks.json"
CASES = json.loads(GOLDEN.read_text())
MOST_BYTES = 200_000
Case = dict[str, Any]


def test_the_vectors_are_those_that_apps_were_given() -> None:
    """A change of this file changes masks, and asks every port to change with it."""
    assert golden_vectors() == CASES
    assert GOLDEN.stat().st_size < MOST_BYTES


def test_names_and_kinds() -> None:
    names = [(case["kind"], case["name"]) for case in CASES]
    assert len(set(names)) == len(names)
    assert {kind for kind, _ in names} == set(ANSWERS)


def test_the_vectors_hold_what_decides() -> None:
    """Views of a part and of the whole photo; clicks that stay and that are left out."""
    cases = [case for case in CASES if case["kind"] == "view"]
    views = [(*case["view"], *case["photo"]) for case in cases]
    inner = [
        left > 0 and top > 0 and left + width < photo_width and top + height < photo_height
        for left, top, width, height, photo_width, photo_height in views
    ]
    whole = [view[2:4] == view[4:] for view in views]
    oblong = [view[2] != view[3] and view[2:4] != view[4:] for view in views]
    left_out = [len(case["negative"]) > len(case["moved"]["negative"]) for case in cases]
    kept = [bool(case["moved"]["negative"]) for case in cases]
    boxes = [bool(case["box"]) for case in cases]
    for found in (inner, whole, oblong, left_out, kept, boxes):
        assert 3 <= sum(found) <= len(cases) - 3
    answers = [case.get("previous") or case.get("placed") for case in CASES]
    blank = [
        case["name"]
        for case, of in zip(CASES, answers, strict=True)
        if of and not says_anything(of)
    ]
    assert blank == ["between the centres of mask pixels"]


def says_anything(logits: list[float]) -> bool:
    """Whether a mask is more than padding."""
    return any(logit != OUTSIDE_LOGIT for logit in logits)


def mask_size(width: int, height: int, size: int) -> tuple[int, int]:
    """Columns and rows of a mask that lie on a photo."""
    columns, rows = (
        max(1, round(Fraction(side * size, MAP_STRIDE * max(width, height))))
        for side in (width, height)
    )
    return columns, rows


def view_answer(case: Case) -> Case:
    """Photo pixel by photo pixel edge, for every pixel of the mask."""
    photo, (columns, rows) = case["photo"], mask_size(*case["photo"], case["input_size"])
    mask = base64.b64decode(case["mask"])
    edges: tuple[list[int], list[int]] = ([], [])
    for y in range(rows):
        for x in range(columns):
            if mask[y * columns + x]:
                for axis, place, count in ((0, x, columns), (1, y, rows)):
                    edges[axis].append(math.floor(Fraction(place * photo[axis], count)))
                    edges[axis].append(math.ceil(Fraction((place + 1) * photo[axis], count)))
    for click in case["positive"]:
        for axis in (0, 1):
            edges[axis].extend((int(click[axis]), int(click[axis]) + 1))
    if case["box"]:
        for axis in (0, 1):
            edges[axis].append(math.floor(case["box"][axis]))
            edges[axis].append(math.ceil(case["box"][axis + 2]))
    view = [0, 0, *photo]
    if edges[0]:
        long = max(max(edges[0]) - min(edges[0]), max(edges[1]) - min(edges[1]))
        wanted = math.ceil(Fraction(long * case["looking"]["surroundings"], 100))
        wanted = max(wanted, case["looking"]["smallest"])
        for axis, count in ((0, columns), (1, rows)):
            length = max(wanted, math.ceil(Fraction(photo[axis], count)))
            if length < photo[axis]:
                start = math.floor(Fraction(min(edges[axis]) + max(edges[axis]) - length, 2))
                while start < 0:
                    start += 1
                while start + length > photo[axis]:
                    start -= 1
                view[axis], view[axis + 2] = start, length
    left, top, width, height = view
    on_view = {
        label: [
            [x - left, y - top]
            for x, y in case[label]
            if left <= x < left + width and top <= y < top + height
        ]
        for label in ("positive", "negative")
    }
    box = case["box"] and [edge - (left, top)[i % 2] for i, edge in enumerate(case["box"])]
    return {"mask_size": [columns, rows], "view": view, "moved": {**on_view, "box": box}}


def between(
    logits: list[float], side: int, size: tuple[int, int], x: float, y: float
) -> np.float32:
    """One value of a mask of `side` columns, of which the first `size` count."""
    lows, highs, shares = [], [], []
    for place, count in ((x, size[0]), (y, size[1])):
        place = min(max(place, 0.0), count - 1.0)
        low = int(place)
        lows.append(low)
        highs.append(min(low + 1, count - 1))
        shares.append(np.float32(place - low))

    def column(at: int) -> np.float32:
        upper = np.float32(logits[lows[1] * side + at])
        lower = np.float32(logits[highs[1] * side + at])
        return upper + (lower - upper) * shares[1]

    before, after = column(lows[0]), column(highs[0])
    return before + (after - before) * shares[0]


def onto_view_answer(case: Case) -> Case:
    """Pixel by pixel of the previous mask."""
    width, height = case["photo"]
    left, top, view_width, view_height = case["view"]
    from_side, side = case["mask_input_size"] // MAP_STRIDE, case["input_size"] // MAP_STRIDE
    source = mask_size(width, height, case["mask_input_size"])
    columns, rows = mask_size(view_width, view_height, case["input_size"])
    previous = [OUTSIDE_LOGIT] * side**2
    for row in range(rows):
        for column in range(columns):
            x = (left + (column + 0.5) * view_width / columns) * source[0] / width - 0.5
            y = (top + (row + 0.5) * view_height / rows) * source[1] / height - 0.5
            value = between(case["logits"], from_side, source, x, y)
            previous[row * side + column] = float(value)
    return {"previous": previous}


def onto_photo_answer(case: Case) -> Case:
    """Pixel by pixel of the mask of the photo."""
    width, height = case["photo"]
    left, top, view_width, view_height = case["view"]
    side = case["input_size"] // MAP_STRIDE
    source = mask_size(view_width, view_height, case["input_size"])
    columns, rows = mask_size(width, height, case["input_size"])
    placed = [OUTSIDE_LOGIT] * side**2
    for row in range(rows):
        for column in range(columns):
            x = (column + 0.5) * width / columns - left
            y = (row + 0.5) * height / rows - top
            if 0 <= x < view_width and 0 <= y < view_height:
                x, y = x * source[0] / view_width - 0.5, y * source[1] / view_height - 0.5
                placed[row * side + column] = float(between(case["logits"], side, source, x, y))
    return {"placed": placed}


ANSWERS: dict[str, Callable[[Case], Case]] = {
    "view": view_answer,
    "onto_view": onto_view_answer,
    "onto_photo": onto_photo_answer,
}


@pytest.mark.parametrize("case", CASES, ids=[f"{one['kind']}: {one['name']}" for one in CASES])
def test_plain_loops_find_the_same(case: Case) -> None:
    answer = ANSWERS[case["kind"]](case)
    assert answer == {name: case[name] for name in answer}
