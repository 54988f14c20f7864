"""Foreign text on terminals: names of files and texts of JSON must not steer them.

A terminal obeys control characters: they set its title, wipe lines or write over what stood there.
"""

import sys
import unicodedata
from collections.abc import Iterable, Iterator
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
