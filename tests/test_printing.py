"""Nothing foreign steers the terminal."""

import contextlib
import io
import sys

import pytest

from squeezesam import terminal
from squeezesam.cli import main
from squeezesam.data.records import Skipped
from squeezesam.terminal import aligned_table, markdown_table, printable, printable_streams
from squeezesam.training.checkpoint import SkippedPhotos

HOSTILE = [
    "\x1b]0;owned\x07",
    "\x1b[2J",
    "\r fake",
    "a\x08b",
    "\x9b31m",
    "\u202eabc",
    "\u2066abc",
    "\udcff",
    "\x00",
    "\x7f",
    "\u2028",
    "\x85",
    "\ufeff",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_control_characters_stand_as_escapes(text):
    assert printable(text).isprintable()
    assert printable(f"{text}\n").endswith("\\n")
    assert printable(f"{text}\n", "\n").endswith("\n")


@pytest.mark.parametrize("text", ["plain", "Zoë", "日本", "👨\u200d👩", "a b"])
def test_other_text_stays(text):
    assert printable(text) == text


@pytest.mark.parametrize("text", [each for each in HOSTILE if "\x00" not in each])
@pytest.mark.parametrize("command", ["segment", "eval", "pack", "bench"])
def test_commands_print_names_escaped(capsys, command, text):
    arguments = {
        "segment": [text, "--point", "1,1"],
        "eval": ["--data", text],
        "pack": ["--data", text, "--out", "/nonexistent/x"],
        "bench": ["report", text],
    }[command]
    assert main([command, *arguments]) == 2
    captured = capsys.readouterr()
    (line,) = (captured.out + captured.err).splitlines()
    assert line.isprintable()


def test_usage_errors_are_escaped_too(capsys):
    with pytest.raises(SystemExit):
        main(["verify", "a", "b\x1b[2J"])
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("length", [300, 5000])
def test_names_that_nothing_can_have(capsys, length):
    name = "x" * length
    for arguments in (
        ["segment", name, "--point", "1,1"],
        ["eval", "--data", name],
        ["pack", "--data", ".", "--out", name],
        ["bench", "report", name],
        ["coreml-run", name],
    ):
        assert main(arguments) == 2
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("text", HOSTILE)
def test_tables_and_lists_are_escaped(tmp_path, text):
    for table in (aligned_table(["a"], [[text]], {"a"}), markdown_table(["a"], [[text]])):
        assert all(line.isprintable() for line in table.split("\n"))
    first = SkippedPhotos(tmp_path, 0)
    first.add([Skipped(text, f"{text}\n{text}")])
    again = SkippedPhotos(tmp_path, 0)
    again.start([])
    assert again.reasons == first.reasons


def test_streams_keep_lines_and_what_they_can_write(monkeypatch):
    raw = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", raw)
    with printable_streams():
        print("é\x1b[2J\ta")
    raw.flush()
    assert raw.buffer.getvalue() == b"\\xe9\\x1b[2J\ta\n"


def test_progress_wipes_its_own_line_alone(monkeypatch):
    raw = io.StringIO()
    raw.isatty = lambda: True
    monkeypatch.setattr(terminal, "TERMINAL_SECONDS", 0)
    with contextlib.redirect_stderr(raw), printable_streams():
        list(terminal.with_progress("a\x1b[2J", 1))
    assert raw.getvalue().startswith("\r\033[Ka\\x1b[2J: 1 of 1")
