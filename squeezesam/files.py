"""Outputs appear whole or not at all; files are known by the hash of their content.

What is written grows in a scratch folder `.NAME.part` beside its place, and takes its name when all
of it lies on the disk. The writer holds a lock on the scratch folder, so that a second writer of
the same place is refused, while what a killed one left behind is cleared by the next.
"""

import ctypes
import errno
import fcntl
import hashlib
import os
import reprlib
import shutil
import stat
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from squeezesam.errors import OutputError, SqueezeSamError

UNUSABLE_NAMES = frozenset({errno.ENAMETOOLONG, errno.EACCES})
"""What the system says of a name under which nothing can be, or be seen."""

SYSTEM_NAMES = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
SYSTEM_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})
APPLE_DOUBLE = "._"
MOST_FILES = 1000
"""That `files_below` lists."""


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

SCRATCH_SUFFIX = ".part"
OLD, NEW = "old", "new"

_held: set[int] = set()
"""Descriptors of the locks of this process. A forked one must not keep them beyond its parent."""


def _close_held() -> None:
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_close_held)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block succeeds.

    Raises:
        OutputError: the place cannot be written to, `path` is a directory, or another writer is at
            work on it.
    """
    path = settled(path)
    with _beside(path) as scratch:
        if path.is_dir():
            raise OutputError(f"{path} is a directory; name a file")
        partial = scratch / path.name
        yield partial
        _to_disk(partial)
        partial.replace(path)
        _to_disk(path.parent)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """A temporary directory that replaces directory `path` when the block succeeds.

    Raises:
        OutputError: the place cannot be written to, `path` is a file, or another writer is at work
            on it.
    """
    path = settled(path)
    with _beside(path) as scratch:
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path} is a file; name a directory")
        partial = scratch / NEW
        partial.mkdir()
        yield partial
        for inside in partial.rglob("*"):
            _to_disk(inside)
        _to_disk(partial)
        if path.exists() and not _exchange(partial, path):
            path.replace(scratch / OLD)
        if partial.exists() and not path.exists():
            partial.replace(path)
        _to_disk(path.parent)


@contextmanager
def only_one(folder: Path, work: str) -> Iterator[None]:
    """Refuse a second process that does the same work in a folder.

    Args:
        folder: to work in; it exists.
        work: for the message.

    Raises:
        OutputError: another process is at it.
    """
    descriptor = _locked(folder)
    if descriptor is None:
        raise OutputError(
            f"another process is {work} in {folder}; wait until it is done, or name another folder"
        )
    try:
        yield
    finally:
        _unlock(descriptor)


def settled(path: Path) -> Path:
    """The path without `..`, which leads elsewhere once missing folders before it are made."""
    return path.resolve() if ".." in path.parts else path


def clear_leftovers(folder: Path) -> None:
    """Remove what killed writers left in a folder; what others are writing now stays."""
    for scratch in folder.glob(f".*{SCRATCH_SUFFIX}"):
        if scratch.is_dir() and (descriptor := _locked(scratch)) is not None:
            _restore(scratch, folder / scratch.name[1 : -len(SCRATCH_SUFFIX)])
            shutil.rmtree(scratch, ignore_errors=True)
            _unlock(descriptor)


def check_place(directory: Path, own: Collection[str]) -> None:
    """See before the work that its results can be kept; nothing is written yet.

    Args:
        directory: to write, or to replace.
        own: patterns of the names that an earlier run may have left there.

    Raises:
        OutputError: the place cannot be written to, or holds something else.
    """
    check_name(directory, OutputError)
    directory = settled(directory)
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


def path_below(root: Path, name: str) -> Path:
    """Path of a file or folder that a stranger's text names; nothing is opened for it.

    Args:
        root: the folder to stay in.
        name: relative to it, with slashes.

    Raises:
        OSError: there is no such thing, or it is neither a file nor a folder.
        ValueError: it leads out of the folder, itself or by a link.
    """
    relative = PurePosixPath(name)
    if relative.is_absolute() or not relative.parts or {"..", "\0"} & {*relative.parts, *name}:
        raise ValueError(f"{reprlib.repr(name)} leads out of {root}")
    path = root / relative
    check_below(root, path)
    return path


def check_below(root: Path, path: Path) -> None:
    """See that a path inside of a folder is a file or a folder, and no link out of it.

    Raises:
        OSError: there is no such thing, or it is neither a file nor a folder.
        ValueError: it is a link out of the folder.
    """
    mode = path.stat().st_mode
    if not path.resolve(strict=True).is_relative_to(root.resolve()):
        raise ValueError(f"{path} is a link that leads out of {root}")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is neither a file nor a folder", str(path))


def files_below(root: Path) -> list[str]:
    """Names of all files of a folder and its folders, sorted; hidden and system files are left out.

    Raises:
        OSError: something in it is neither a file nor a folder, or cannot be listed.
        ValueError: something in it is a link out of it, or a link to a folder.
    """
    names: list[str] = []
    for folder, folders, files in os.walk(root, onerror=_raise):
        for name in (*folders, *files):
            path = Path(folder) / name
            relative = path.relative_to(root).as_posix()
            if is_hidden(relative):
                continue
            check_below(root, path)
            if path.is_file():
                names.append(relative)
            elif path.is_symlink():
                raise ValueError(f"{path} is a link to a folder")
        if len(names) > MOST_FILES:
            raise ValueError(f"{root} holds more than {MOST_FILES} files")
    return sorted(names)


def _raise(error: OSError) -> None:
    raise error


def content_hash(path: Path) -> "hashlib._Hash":
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def check_name(path: Path, kind: type[SqueezeSamError]) -> None:
    """See that there can be something of this name, whether or not there is.

    Args:
        path: a path that a user gave, or that a file of theirs names.
        kind: type of the error to raise.

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
def writing(path: Path) -> Iterator[None]:
    """Errors of the disk while something is written, as those of a user's place.

    Libraries of other languages raise types of their own when a disk is full, with its words.

    Raises:
        OutputError: the place cannot be written to.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        said = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {said}; choose a writable place") from error
    except Exception as error:
        full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
        cause = next((os.strerror(one) for one in full if os.strerror(one) in str(error)), None)
        if cause is None:
            raise
        raise OutputError(f"cannot write {path}: {cause}; choose a writable place") from error


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    parent = path.absolute().parent
    scratch = parent / f".{path.name}{SCRATCH_SUFFIX}"
    with writing(path):
        parent.mkdir(parents=True, exist_ok=True)
        descriptor = _own_scratch(scratch)
        if descriptor is None:
            raise OutputError(
                f"another process is writing {path}; wait until it is done, or name another place"
            )
        try:
            _restore(scratch, path)
            for leftover in scratch.iterdir():
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            if not os.access(parent, os.W_OK):
                raise OutputError(
                    f"cannot write {path}: {parent} is read-only; choose a writable place"
                )
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            _unlock(descriptor)


def _own_scratch(scratch: Path) -> int | None:
    """Make a scratch folder, or take over a dead writer's, and lock it; None where it is in use."""
    while True:
        scratch.mkdir(mode=0o700, exist_ok=True)
        try:
            descriptor = _locked(scratch)
        except FileNotFoundError:
            continue  # Its owner was done between the two calls.
        # What was locked may be a folder that its owner has removed in the meantime.
        if descriptor is None or (
            scratch.exists() and os.path.samestat(os.fstat(descriptor), scratch.stat())
        ):
            return descriptor
        _unlock(descriptor)


def _locked(folder: Path) -> int | None:
    """Lock a folder until its descriptor is closed or the process ends; None where it is locked."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        pass  # A file system without locks; two writers at once are then the user's own affair.
    _held.add(descriptor)
    return descriptor


def _unlock(descriptor: int) -> None:
    if descriptor in _held:
        _held.remove(descriptor)
        os.close(descriptor)


def _restore(scratch: Path, path: Path) -> None:
    """Put back what a writer had moved away when it was killed before the new took its place."""
    if (scratch / OLD).exists() and not path.exists():
        (scratch / OLD).replace(path)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two directories in one step, so that a kill loses neither; False if that cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return bool(libc.renamex_np(*names, 2) == 0)  # RENAME_SWAP
    if hasattr(libc, "renameat2"):
        here = -100  # AT_FDCWD
        return bool(libc.renameat2(here, names[0], here, names[1], 2) == 0)  # RENAME_EXCHANGE
    return False


def _to_disk(path: Path) -> None:
    """Wait until a file or folder would survive a power cut: a rename may overtake its content."""
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # folders of some file systems
            raise
    finally:
        os.close(descriptor)
