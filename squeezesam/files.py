"""Outputs appear whole or not at all; files are known by the hash of their content."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from squeezesam.errors import OutputError, SqueezeSamError

UNUSABLE_NAMES = frozenset({errno.ENAMETOOLONG, errno.EACCES})
"""What the system says of a name under which nothing can be, or be seen."""

SYSTEM_NAMES = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
SYSTEM_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})
APPLE_DOUBLE = "._"


def is_system_file(name: str) -> bool:
    """Whether macOS, Windows or a file server put a file or folder of this name there unasked."""
    return name.startswith(APPLE_DOUBLE) or name.lower() in SYSTEM_NAMES | SYSTEM_FOLDERS


def is_hidden(name: str) -> bool:
    """Whether a file of this name, or a folder on the way to it, is hidden or the system's own.

    Args:
        name: with the folders before it, separated by slashes.
    """
    parts = (part for part in name.split("/") if part not in ("", ".", ".."))
    return any(part.startswith(".") or is_system_file(part) for part in parts)


PathLike = str | os.PathLike[str]
"""What every public function takes as a path."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block succeeds.

    Raises:
        OutputError: the place cannot be written to, or `path` is a directory.
    """
    with _beside(path) as scratch:
        if path.is_dir():
            raise OutputError(f"{path} is a directory; name a file")
        partial = scratch / path.name
        yield partial
        partial.replace(path)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """A temporary directory that replaces directory `path` when the block succeeds.

    Raises:
        OutputError: the place cannot be written to, or `path` is a file.
    """
    with _beside(path) as scratch:
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path} is a file; name a directory")
        partial = scratch / "new"
        partial.mkdir()
        yield partial
        if path.exists():
            path.replace(scratch / "old")
        partial.replace(path)


def check_place(directory: Path, own: Collection[str]) -> None:
    """See before the work that its results can be kept; nothing is written yet.

    Args:
        directory: to write, or to replace.
        own: patterns of the names that an earlier run may have left there.

    Raises:
        OutputError: the place cannot be written to, or holds something else.
    """
    check_name(directory, OutputError)
    found = directory.iterdir() if directory.is_dir() else ()
    present = (path for path in found if not is_system_file(path.name))
    if any(not any(path.match(pattern) for pattern in own) for path in present):
        raise OutputError(f"{directory} holds other files; name a new directory")
    nearest = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise OutputError(
            f"cannot write {directory}: {nearest} takes no files; choose a writable place"
        )


def read_bytes(path: Path, limit: int) -> bytes:
    """Content of a regular file of at most `limit` bytes.

    Raises:
        OSError: it cannot be read, is a pipe or a device, or is larger.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    check_length(state.st_size, limit)
    return path.read_bytes()


def check_length(size: int, limit: int) -> None:
    """See before reading that the bytes are not too many.

    Raises:
        OSError: they are.
    """
    if size > limit:
        raise OSError(errno.EFBIG, f"it has {size} bytes, more than the {limit} that are read")


def content_hash(path: Path) -> "hashlib._Hash":
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def check_name(path: Path, kind: type[SqueezeSamError]) -> None:
    """See that there can be something of this name, whether or not there is.

    Args:
        path: that a user gave, or a file of theirs names.
        kind: of the error.

    Raises:
        SqueezeSamError: of this kind; the name is too long, or its folder may not be looked into.
    """
    try:
        path.lstat()
    except OSError as error:
        if error.errno in UNUSABLE_NAMES:
            raise kind(f"{path} cannot be used ({error.strerror}); check the name") from error
    except ValueError as error:
        raise kind(f"{path} cannot be used ({error}); check the name") from error


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    parent = path.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=parent))
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; choose a writable place"
        ) from error
    if not os.access(parent, os.W_OK):
        raise OutputError(f"cannot write {path}: {parent} is read-only; choose a writable place")
    try:
        yield scratch
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error}; choose a writable place") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
