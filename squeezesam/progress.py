"""A line on stderr for every step that takes its time."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

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
