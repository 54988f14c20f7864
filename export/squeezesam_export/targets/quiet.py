"""Silence around vendor tools."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import BinaryIO

from squeezesam.errors import SqueezeSamError


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what is printed inside, and print it only if the block fails unforeseen.

    The converters write hundreds of lines for a success: progress bars, notes on versions that they
    were not tested with, log lines of C++ libraries.
    """
    with tempfile.TemporaryFile() as held, warnings.catch_warnings(action="ignore"):
        try:
            with _printing_to(held):
                yield
        except SqueezeSamError:
            raise
        except Exception:
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise


@contextmanager
def _printing_to(file: BinaryIO) -> Iterator[None]:
    """Redirect both `sys.stderr` and the descriptor: C++ libraries know the latter only.

    Under pytest and in notebooks the two differ.
    """
    streams = {1: sys.stdout, 2: sys.stderr}
    for stream in streams.values():
        stream.flush()
    copies = {descriptor: os.dup(descriptor) for descriptor in streams}
    try:
        for descriptor in streams:
            os.dup2(file.fileno(), descriptor)
        with (
            open(file.fileno(), "w", closefd=False) as text,
            redirect_stdout(text),
            redirect_stderr(text),
        ):
            yield
    finally:
        for descriptor, stream in streams.items():
            stream.flush()
            os.dup2(copies[descriptor], descriptor)
            os.close(copies[descriptor])
