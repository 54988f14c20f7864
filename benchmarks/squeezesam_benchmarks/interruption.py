"""Signals that end a process, made to unwind it instead, so that it cleans up."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def unwinding_signals() -> Iterator[None]:
    """Within the block, SIGTERM and a closed terminal raise SystemExit, as Ctrl-C interrupts."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where signals never arrive
        return

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - shared signature
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
