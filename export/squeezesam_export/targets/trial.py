"""What is done with an artifact in a process of its own, before this process opens it.

The runtimes are native code that trusts a file: a damaged one can end the process by a signal, loop
for ever or ask for all memory. So a child process first does exactly what this one is about to do,
within limits of time and memory; its end is told as an error. A fork costs milliseconds, and the
child sees the same memory as its parent. Where there is no safe fork (macOS, Windows), or where the
forked child does not answer, which a lock held by another thread at the moment of the fork can
cause, a fresh Python loads the file and runs it once.
"""

import faulthandler
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn, TypeVar

import torch

from squeezesam.errors import ArtifactError, SqueezeSamError

T = TypeVar("T")

Attempt = Callable[[Path], object]
"""Loads a file and runs it once; a function of a module, so that a fresh Python finds it."""

FORKS = sys.platform == "linux"
FORKED_SECONDS = 30.0
FRESH_SECONDS = 90.0
"""How long each kind of child may take; a fresh one imports PyTorch and the runtime first."""

MAX_ARTIFACT_BYTES = 2**31
"""Beyond it no protobuf or flatbuffer can be read."""

MEMORY_BYTES = 400_000_000
MEMORY_PER_FILE_BYTE = 8
"""What the child may allocate, beyond what this process has: a part for every byte of the file."""

REFUSED = 3
"""Exit status of a child whose attempt raised an error, which it wrote down."""

LONGEST_MESSAGE = 2000
PIPE_BYTES = 1 << 16
MILLISECONDS = 1000


class NoAnswerError(Exception):
    """No child can be forked here, or it does not answer in time."""


def check_by_trial(attempt: Attempt, path: Path) -> None:
    """See that a file can be loaded and run, without any risk for this process.

    Args:
        attempt: what this process will do with the file; imports its runtime beforehand.
        path: of the file.

    Raises:
        ArtifactError: the attempt raises an error, or ends or exceeds its process; or the file is
            larger than any artifact.
    """
    try:
        in_fork(partial(attempt, path), path)
    except NoAnswerError:
        check_in_fresh_python(attempt, path)


def in_fork(work: Callable[[], T], path: Path) -> T:
    """What some work on a file gives, done in a forked child.

    Args:
        work: whose runtime is imported beforehand; its result is pickled.
        path: of the file.

    Raises:
        ArtifactError: as of `check_by_trial`.
        NoAnswerError: this platform has no safe fork, or the child did not answer.
    """
    check_bytes(path, path.stat().st_size)
    if not FORKS:
        raise NoAnswerError
    try:
        content = _judged(path, *_in_fork(work, path))
    except TimeoutError as error:
        raise NoAnswerError from error
    result: T = pickle.loads(content)  # of our own child
    return result


def check_in_fresh_python(attempt: Attempt, path: Path) -> None:
    """See that a file can be loaded and run, by a child that starts anew.

    Raises:
        ArtifactError: as of `check_by_trial`.
    """
    check_bytes(path, path.stat().st_size)
    try:
        _judged(path, *_in_fresh_python(attempt, path))
    except TimeoutError as error:
        raise ArtifactError(
            f"{path} does not answer within {FRESH_SECONDS:.0f} s; it is damaged: export it again"
        ) from error


def check_bytes(path: Path, size: int) -> None:
    """See that what has some bytes can be an artifact.

    Raises:
        ArtifactError: it has more bytes than any.
    """
    if size > MAX_ARTIFACT_BYTES:
        raise ArtifactError(f"{path} has {size} bytes, more than any artifact; export it again")


def _judged(path: Path, status: int, content: bytes) -> bytes:
    """What a child wrote, if it ended well.

    Args:
        path: of the file.
        status: its exit status, negative for a signal.
        content: that it wrote.

    Raises:
        ArtifactError: it ended otherwise.
    """
    if status == REFUSED:
        raise ArtifactError(content.decode(errors="replace"))
    if status:
        cause = signal.strsignal(-status) if status < 0 else f"exit status {status}"
        raise ArtifactError(
            f"{path} ends the process that runs it ({cause}); it is damaged: export it again"
        )
    return content


def _in_fork(work: Callable[[], object], path: Path) -> tuple[int, bytes]:
    """How a forked child ends: exit status, and its pickled result or its message.

    Raises:
        TimeoutError: it did not end in time; it is killed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _work_and_exit(work, path, writing)
    os.close(writing)
    try:
        content = _read_to_end(reading, time.monotonic() + FORKED_SECONDS)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(reading)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), content


def _read_to_end(reading: int, deadline: float) -> bytes:
    """What comes through a pipe until all its writers are gone.

    Raises:
        TimeoutError: that is not before the deadline.
    """
    content = bytearray()
    pipe = select.poll()  # select takes no descriptor beyond 1023
    pipe.register(reading, select.POLLIN)
    while True:
        if not pipe.poll(max(0.0, deadline - time.monotonic()) * MILLISECONDS):
            raise TimeoutError
        part = os.read(reading, PIPE_BYTES)
        if not part:
            return bytes(content)
        content += part


def _in_fresh_python(attempt: Attempt, path: Path) -> tuple[int, bytes]:
    """Likewise, of a child that starts anew.

    Raises:
        TimeoutError: it did not end in time; it is killed.
    """
    name = f"{attempt.__module__}:{attempt.__qualname__}"
    try:
        child = subprocess.run(
            [sys.executable, "-m", __name__, name, os.fspath(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=FRESH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    return child.returncode, child.stdout


def _work_and_exit(work: Callable[[], object], path: Path, writing: int) -> NoReturn:
    """The whole life of a child, which never returns to the code of its parent."""
    status = 1
    try:
        faulthandler.disable()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent kills it
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        # In notebooks and under pytest Python's own streams lead elsewhere.
        sys.stdout = sys.stderr = open(silence, "w")  # noqa: PTH123, SIM115
        torch.set_num_threads(1)  # the threads of the parent's pool are not here
        limit_memory(MEMORY_BYTES + MEMORY_PER_FILE_BYTE * path.stat().st_size)
        result = pickle.dumps(work(), pickle.HIGHEST_PROTOCOL)
        with open(writing, "wb") as pipe:
            pipe.write(result)
        status = 0
    except SqueezeSamError as error:
        os.write(writing, str(error).encode(errors="replace")[:LONGEST_MESSAGE])
        status = REFUSED
    except BaseException as error:
        text = f"{path} does not run ({type(error).__name__}: {error}); export it again"
        os.write(writing, " ".join(text.split()).encode(errors="replace")[:LONGEST_MESSAGE])
        status = REFUSED
    finally:
        os._exit(status)


def limit_memory(more: int) -> None:
    """Let this process allocate no more than so many bytes from here on, where Linux can say it."""
    used = Path("/proc/self/statm")
    if not used.is_file():
        return
    import resource  # not on Windows

    pages = int(used.read_text().split()[5])  # data and stacks, private and writable
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (pages * resource.getpagesize() + more, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def main() -> NoReturn:
    """A fresh child: the attempt by name, then the path."""
    module, _, name = sys.argv[1].partition(":")
    attempt: Attempt = getattr(import_module(module), name)
    path = Path(sys.argv[2])
    _work_and_exit(partial(attempt, path), path, os.dup(1))


if __name__ == "__main__":
    main()
