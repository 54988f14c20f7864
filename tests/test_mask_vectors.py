"""The golden vectors of clean masks, and a second implementation that is held to them."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from squeezesam.mask_vectors import golden_vectors

GOLDEN = Path(__file__).parent / "data" / "mask_cleaning.json"
JAVASCRIPT = Path(__file__).parent / "mask_cleaning.mjs"
ANSWERED = {
    "clean": ("cleaned",),
    "logits": ("cleaned",),
    "places": ("mask_size", "mask_pixels", "windows"),
}


def test_the_vectors_are_those_that_apps_were_given() -> None:
    """A change of this file changes masks, and asks every port to change with it."""
    assert golden_vectors() == json.loads(GOLDEN.read_text())


def test_names_and_kinds() -> None:
    cases = golden_vectors()
    names = [(case["kind"], case["name"]) for case in cases]
    assert len(set(names)) == len(names)
    assert {kind for kind, _ in names} == set(ANSWERED)


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


@pytest.mark.web
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_javascript_finds_the_same() -> None:
    done = subprocess.run(
        ["node", JAVASCRIPT, GOLDEN], check=True, capture_output=True, text=True, timeout=60
    )
    cases, answers = json.loads(GOLDEN.read_text()), json.loads(done.stdout)
    for case, answer in zip(cases, answers, strict=True):
        assert answer == {name: case[name] for name in ANSWERED[case["kind"]]}, case["name"]
