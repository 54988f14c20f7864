"""Steps that take their time say so on stderr, once."""

import subprocess
import sys

import pytest

from squeezesam import terminal

SLOW_AND_QUIET = """
import time
from squeezesam import terminal
from squeezesam_export.targets.quiet import quiet

terminal.PATIENCE_SECONDS = 0.05
with terminal.step("converting"), quiet():
    print("chatter", flush=True)
    time.sleep(0.5)
terminal.PATIENCE_SECONDS = 60
with terminal.step("hardly begun"):
    pass
"""


def test_a_slow_step_is_named_even_while_a_converter_is_kept_quiet():
    words = [sys.executable, "-c", SLOW_AND_QUIET]
    said = subprocess.run(words, check=True, capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("", "converting ...\n")


def test_a_failed_step_leaves_no_timer(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "PATIENCE_SECONDS", 60)
    with pytest.raises(KeyError), terminal.step("failing"):
        raise KeyError
    assert capsys.readouterr().err == ""
