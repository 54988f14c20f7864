"""The golden vectors, and a second implementation in another language that is held to them."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from squeezesam.saliency.vectors import golden_vectors

GOLDEN = Path(__file__).parent / "data" / "salient_clicks.json"
JAVASCRIPT = Path(__file__).parent / "salient_clicks.mjs"
ANSWERED = {
    "heat": ("bytes",),
    "clicks": ("blob_area", "clicks"),
    "places": ("inside", "heat_size", "photo_pixels"),
}


def test_the_vectors_are_those_that_apps_were_given() -> None:
    """A change of this file changes clicks, and asks every port to change with it."""
    assert golden_vectors() == json.loads(GOLDEN.read_text())


def test_names_and_kinds() -> None:
    cases = golden_vectors()
    names = [(case["kind"], case["name"]) for case in cases]
    assert len(set(names)) == len(names)
    assert {kind for kind, _ in names} == set(ANSWERED)


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


@pytest.mark.web
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_javascript_finds_the_same() -> None:
    done = subprocess.run(
        ["node", JAVASCRIPT, GOLDEN], check=True, capture_output=True, text=True, timeout=60
    )
    cases, answers = json.loads(GOLDEN.read_text()), json.loads(done.stdout)
    for case, answer in zip(cases, answers, strict=True):
        assert answer == {name: case[name] for name in ANSWERED[case["kind"]]}, case["name"]
