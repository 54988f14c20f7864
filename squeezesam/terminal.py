"""What is written on terminals: foreign text made harmless, tables, and lines of progress.

A terminal obeys control characters: they set its title, wipe lines or write over what stood there.
"""

import os
import sys
import threading
import time
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

KEPT = "\n\t"
"""Control characters that text of our own has."""

INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are not shown, such as marks that reverse the direction of text."""

JOINERS = frozenset({"\u200c", "\u200d"})
"""Parts of words and emoji."""


def printable(text: str, kept: str = "") -> str:
    """Text with every control character replaced by its escape sequence.

    Args:
        text: any.
        kept: control characters that stay.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign in kept or not is_control(sign) else sign.encode("unicode_escape").decode()
        for sign in text
    )


def is_control(sign: str) -> bool:
    """Whether a character steers the terminal, or cannot be written at all."""
    return unicodedata.category(sign) in INVISIBLE and sign not in JOINERS


class PrintableStream:
    """A stream that takes text for a terminal and writes it printable; else as the one beneath.

    Attributes:
        raw: the stream beneath, for what is meant to steer the terminal.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write text, whose lines and tabs stay; escapes what the stream's encoding lacks."""
        encoding = self.raw.encoding or "utf-8"
        content = printable(text, KEPT).encode(encoding, "backslashreplace")
        self.raw.write(content.decode(encoding))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


@contextmanager
def printable_streams() -> Iterator[None]:
    """Have stdout and stderr write nothing that steers the terminal, until the block ends."""
    with (
        redirect_stdout(cast(TextIO, PrintableStream(sys.stdout))),
        redirect_stderr(cast(TextIO, PrintableStream(sys.stderr))),
    ):
        yield


def steering(stream: Any) -> Any:
    """The stream beneath, for text of our own that is to steer the terminal."""
    return stream.raw if isinstance(stream, PrintableStream) else stream


def aligned_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: Collection[str]
) -> str:
    """Lines whose columns are two spaces apart.

    Args:
        header: names of the columns.
        rows: the cells of each row, as many as there are columns.
        text_columns: names of those aligned to the left; the others, numbers, go to the right.
    """
    rows = [list(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in text_columns else cell.rjust(width)
            for name, cell, width in zip(header, cells, widths, strict=True)
        ).rstrip()
        for cells in (header, *rows)
    )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table whose columns line up in plain text as well."""
    rows = [[printable(cell).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(text.ljust(width) for text, width in zip(line, widths, strict=True))} |"
        for line in lines
    )


PATIENCE_SECONDS = 2.0


@contextmanager
def step(title: str) -> Iterator[None]:
    """Name a step on stderr once it has taken longer than PATIENCE_SECONDS.

    Args:
        title: what is being done, as in `seeing the ranges of 32 photos`.
    """
    with _own_stderr() as stream:
        timer = threading.Timer(PATIENCE_SECONDS, print, (title, "..."), {"file": stream})
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


@contextmanager
def _own_stderr() -> Iterator[TextIO]:
    """Where stderr leads now: a converter that is kept quiet has it lead elsewhere meanwhile."""
    stream = sys.stderr
    stream.flush()
    try:
        copy = os.dup(stream.fileno())
    except OSError:  # in notebooks and tests it is no file
        yield stream
        return
    with os.fdopen(copy, "w", buffering=1, encoding="utf-8", errors="replace") as own:
        yield own


TERMINAL_SECONDS = 1.0
LOG_SECONDS = 30.0


def with_progress(label: str, total: int) -> Iterator[int]:
    """Count 0 .. total - 1, and now and then say how much is done and how long the rest takes.

    On a terminal one line is kept up to date and wiped at the end; elsewhere, a line every half
    minute.
    """
    on_terminal = sys.stderr.isatty()
    every = TERMINAL_SECONDS if on_terminal else LOG_SECONDS
    start, end = ("\r\033[K", "") if on_terminal else ("", "\n")
    began = said = time.monotonic()
    for index in range(total):
        yield index
        now = time.monotonic()
        if now - said >= every:
            said = now
            left = (now - began) / (index + 1) * (total - index - 1)
            line = f"{label}: {index + 1} of {total} photos, {duration(left)} left"
            print(start + printable(line), end=end, file=steering(sys.stderr), flush=True)
    print(start, end="", file=steering(sys.stderr), flush=True)


def duration(seconds: float) -> str:
    """Such as `8 s`, `3 min` or `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
