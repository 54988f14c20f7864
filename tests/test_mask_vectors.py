"""The golden vectors of clean masks; `test_web_module.py` holds the JavaScript module to them."""

import base64
import json
from pathlib import Path

import numpy as np

from squeezesam.vectors.masks import golden_vectors

GOLDEN = Path(__file__).parent / "data" / "mask_cleaning.json"
KINDS = {"clean", "logits", "places"}


def test_the_vectors_are_those_that_apps_were_given() -> None:
    """A change of this file changes masks, and asks every port to change with it."""
    assert golden_vectors() == json.loads(GOLDEN.read_text())


def test_names_and_kinds() -> None:
    cases = golden_vectors()
    names = [(case["kind"], case["name"]) for case in cases]
    assert len(set(names)) == len(names)
    assert {kind for kind, _ in names} == KINDS


def test_the_vectors_hold_what_decides() -> None:
    """Masks that stay, lose and gain pixels, with and without every kind of prompt."""
    cases = [case for case in golden_vectors() if case["kind"] == "clean"]
    before, after = (
        [np.frombuffer(base64.b64decode(case[name]), np.uint8) for case in cases]
        for name in ("mask", "cleaned")
    )
    pairs = list(zip(before, after, strict=True))
    assert all(mask.any() == clean.any() for mask, clean in pairs)
    assert sum(np.array_equal(mask, clean) for mask, clean in pairs) >= 5
    assert sum((mask > clean).any() for mask, clean in pairs) >= 15
    assert sum((mask < clean).any() for mask, clean in pairs) >= 5
    for name in ("positive", "negative", "window", "previous"):
        given = [bool(case[name]) for case in cases]
        assert any(given)
        assert not all(given)
