"""What the test device does for the adb client: a shell with exit statuses, and files."""

import contextlib
import os
import signal
import struct
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from adb_wire import Gone, Stream

SHELL_PACKET = struct.Struct("<BI")
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
SYNC_PACKET = struct.Struct("<4sI")
STAT_ANSWER = struct.Struct("<4s3I")
PIECE_BYTES = 64 * 1024


class RefusedError(Exception):
    """The device cannot take a file; the message is what the client is told."""


def serve_shell(
    stream: Stream,
    words: list[str],
    environment: dict[str, str],
    spoken: Callable[[bytes], bytes],
    running: set[int],
) -> None:
    """Run a command, its output and exit status in packets of shell_v2.

    As in Android's adbd, a client that goes away hangs up on the shell and closes its pipes; what
    the shell started stays alive.

    Args:
        stream: to the client.
        words: of the process.
        environment: likewise.
        spoken: what the client gets to see of some output.
        running: process groups, this one while it runs.
    """
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        words, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
    )
    running.add(process.pid)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None

    def feed(stdin: IO[bytes]) -> None:
        try:
            while True:
                kind, size = SHELL_PACKET.unpack(stream.read(SHELL_PACKET.size))
                data = stream.read(size)
                if kind == STDIN:
                    stdin.write(data)
                    stdin.flush()
                elif kind == CLOSE_STDIN:
                    stdin.close()
        except (Gone, OSError):
            process.send_signal(signal.SIGHUP)
        finally:
            with contextlib.suppress(OSError):
                stdin.close()

    def tell(kind: int, output: IO[bytes]) -> None:
        with output, contextlib.suppress(Gone):
            while data := os.read(output.fileno(), PIECE_BYTES):
                said = spoken(data)
                stream.write(SHELL_PACKET.pack(kind, len(said)) + said)

    threading.Thread(target=feed, args=(process.stdin,), daemon=True).start()
    telling = [
        threading.Thread(target=tell, args=pair, daemon=True)
        for pair in ((STDOUT, process.stdout), (STDERR, process.stderr))
    ]
    for thread in telling:
        thread.start()
    for thread in telling:
        thread.join()
    status = process.wait()
    running.discard(process.pid)
    shell_status = status if status >= 0 else 128 - status
    stream.write(SHELL_PACKET.pack(EXIT, 1) + bytes([shell_status]))


def serve_sync(
    stream: Stream, real: Callable[[str], Path], before_piece: Callable[[str, int], None]
) -> None:
    """Answer STAT, LIST, RECV and SEND of the first sync protocol until QUIT.

    Args:
        stream: to the client.
        real: where a path of the device lies on this machine.
        before_piece: told of each piece of a file, by the file's path and the bytes before it;
            may raise RefusedError or break the connection.
    """
    while True:
        request, size = SYNC_PACKET.unpack(stream.read(SYNC_PACKET.size))
        if request == b"QUIT":
            return
        told = stream.read(size).decode()
        if request == b"STAT":
            stream.write(STAT_ANSWER.pack(b"STAT", *stat_of(real(told))))
        elif request == b"LIST":
            list_folder(stream, real(told))
        elif request == b"RECV":
            send_file(stream, real(told))
        elif request == b"SEND":
            path, _, mode = told.rpartition(",")
            receive_file(stream, real(path), int(mode) & 0o777, partial(before_piece, path))
        else:
            fail(stream, f"unknown request {request!r}")


def stat_of(path: Path) -> tuple[int, int, int]:
    if not path.exists():
        return 0, 0, 0
    found = path.stat()
    return found.st_mode, found.st_size, int(found.st_mtime)


def list_folder(stream: Stream, folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        name = path.name.encode()
        header = struct.pack("<4s4I", b"DENT", *stat_of(path), len(name))
        stream.write(header + name)
    stream.write(struct.pack("<4s4I", b"DONE", 0, 0, 0, 0))


def send_file(stream: Stream, path: Path) -> None:
    if not path.is_file():
        fail(stream, "No such file or directory")
        return
    with path.open("rb") as file:
        while data := file.read(PIECE_BYTES):
            stream.write(SYNC_PACKET.pack(b"DATA", len(data)) + data)
    stream.write(SYNC_PACKET.pack(b"DONE", 0))


def receive_file(
    stream: Stream, path: Path, mode: int, before_piece: Callable[[int], None]
) -> None:
    """Take the pieces of a file; after a refusal they are read to their end and thrown away."""
    refusal: str | None = None
    path.parent.mkdir(parents=True, exist_ok=True)  # as adbd does
    try:
        with path.open("wb") as file:
            while True:
                kind, size = SYNC_PACKET.unpack(stream.read(SYNC_PACKET.size))
                if kind == b"DONE":
                    break
                piece = stream.read(size)
                if refusal is None:
                    try:
                        before_piece(file.tell())
                        file.write(piece)
                    except RefusedError as error:
                        refusal = str(error)
                        fail(stream, refusal)
    except Gone:
        path.unlink(missing_ok=True)
        raise
    if refusal is not None:
        path.unlink()
        return
    path.chmod(mode)
    stream.write(SYNC_PACKET.pack(b"OKAY", 0))


def fail(stream: Stream, reason: str) -> None:
    said = reason.encode()
    stream.write(SYNC_PACKET.pack(b"FAIL", len(said)) + said)
