"""A line on stderr that says how far a long run is."""

import sys
import time
from collections.abc import Iterator

from squeezesam.printing import printable, steering

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
