"""The golden vectors of clicks; `test_web_module.py` holds the JavaScript module to them."""

import base64
import json
from pathlib import Path

from squeezesam.vectors.saliency import golden_vectors

GOLDEN = Path(__file__).parent / "data" / "salient_clicks.json"
KINDS = {"heat", "clicks", "places"}


def test_the_vectors_are_those_that_apps_were_given() -> None:
    """A change of this file changes clicks, and asks every port to change with it."""
    assert golden_vectors() == json.loads(GOLDEN.read_text())


def test_names_and_kinds() -> None:
    cases = golden_vectors()
    names = [(case["kind"], case["name"]) for case in cases]
    assert len(set(names)) == len(names)
    assert {kind for kind, _ in names} == KINDS


def test_the_vectors_hold_what_decides() -> None:
    """Objects and none, repeated clicks, all bytes, and photos from thin to square."""
    clicks = [case for case in golden_vectors() if case["kind"] == "clicks"]
    assert any(not case["clicks"] for case in clicks)
    assert any(len({tuple(click) for click in case["clicks"]}) < 5 for case in clicks)
    assert {len(case["clicks"]) for case in clicks} == {0, 1, 3, 5}
    for case in clicks:
        heat = base64.b64decode(case["heat"])
        assert len(heat) == case["width"] * case["height"]
        assert all(
            heat[y * case["width"] + x] >= case["sampling"]["threshold"] for x, y in case["clicks"]
        )
    (heat_case,) = (case for case in golden_vectors() if case["kind"] == "heat")
    assert set(heat_case["bytes"]) == set(range(256))
