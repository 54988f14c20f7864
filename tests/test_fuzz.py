"""The standing fuzz command finds faults that are planted, and repeats its cases."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from squeezesam.errors import DataError
from tests.fuzz import engine, prompts
from tests.fuzz.engine import EXTRA_MB, Target, case_of, fuzz, prepare

pytestmark = pytest.mark.fuzz


def write_seed(folder: Path) -> None:
    (folder / "seed.json").write_text('{"a": [1, 2], "b": "text"}')


def wrong(act):
    """A target that does `act` to every input but the valid one."""

    def check(path: Path) -> None:
        if path.parent.name != "seeds":
            act()

    return Target("planted", write_seed, check)


def refuse():
    raise DataError("right")


def crash():
    raise KeyError("wrong")


def waste():
    np.ones((EXTRA_MB + 200) * 2**20, np.uint8)


def hang():
    signal.pause()


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (refuse, None),
        (crash, "KeyError"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "ends the process with -9"),
        (waste, "more than 500 MB"),
        (hang, "more than 1 s"),
    ],
)
def test_planted_faults_are_found(tmp_path, monkeypatch, act, what):
    monkeypatch.setattr(engine, "CASE_SECONDS", 1 if act is hang else 20)
    monkeypatch.setattr(engine, "PREPARE_SECONDS", 20)
    target = wrong(act)
    prepare(target, tmp_path / "seeds")
    number, findings = fuzz(target, 0, 0, 0.3, tmp_path / "seeds", tmp_path / "case")
    if what is None:
        assert number > 10
        assert not findings
    else:
        assert what in findings[0].what


def test_cases_repeat_and_differ(tmp_path):
    target = wrong(refuse)
    prepare(target, tmp_path / "seeds")

    def text(seed: int, number: int) -> bytes:
        return case_of(target, seed, number, tmp_path / "seeds", tmp_path / "case").read_bytes()

    first = [text(0, number) for number in range(20)]
    assert first == [text(0, number) for number in range(20)]
    assert len(set(first)) > 10
    assert first != [text(1, number) for number in range(20)]


@pytest.mark.parametrize("target", prompts.TARGETS, ids=lambda target: target.name)
def test_prompts_hold(tmp_path, target):
    prepare(target, tmp_path / "seeds")
    number, findings = fuzz(target, 0, 0, 2, tmp_path / "seeds", tmp_path / "case")
    assert number > 100
    assert findings == []
