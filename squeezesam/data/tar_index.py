"""Where the members of an uncompressed tar lie, so that each can be read without unpacking."""

import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from squeezesam.data.listing import same_name
from squeezesam.data.records import Skipped
from squeezesam.errors import DataError
from squeezesam.files import check_length, is_hidden
from squeezesam.image_io import MAX_PHOTO_BYTES

COMPRESSED_SUFFIXES = (".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


class Span(NamedTuple):
    """Bytes of a file."""

    offset: int
    size: int


@dataclass(frozen=True)
class SpanPhoto:
    """A photo inside a larger file."""

    path: Path
    span: Span

    def read(self) -> bytes:
        """The photo's bytes.

        Raises:
            OSError: they cannot be read.
        """
        return read_span(self.path, self.span, MAX_PHOTO_BYTES)


def read_span(path: Path, span: Span, limit: int) -> bytes:
    """Bytes of a file, by a descriptor of its own: processes may share the index freely.

    Raises:
        OSError: the file cannot be read, ends early, or has more than `limit` bytes there.
    """
    check_length(span.size, limit)
    with path.open("rb", buffering=0) as file:
        content = os.pread(file.fileno(), span.size, span.offset)
    if len(content) != span.size:
        raise OSError(f"{path} ends early")
    return content


def index_tar(path: Path) -> tuple[Mapping[str, Span], list[Skipped]]:
    """The files in a tar by name, in its order, from their headers alone.

    Hidden and system files are left out, and so are files of one name: which is meant cannot be
    known.
    A damaged header loses its own file only; a tar that is cut off keeps the files before the cut.

    Raises:
        DataError: compressed, unreadable, or no tar.
    """
    if path.name.endswith(COMPRESSED_SUFFIXES):
        raise DataError(
            f"{path} is compressed, so nothing in it can be read in place; unpack it to a .tar "
            "or a folder first"
        )
    found: dict[str, list[tuple[str, Span]]] = {}
    skipped: list[Skipped] = []
    end = 0
    try:
        total = path.stat().st_size
        # `ignore_zeros` also goes on after a damaged header, at the next one.
        with tarfile.open(path, "r:", ignore_zeros=True) as tar:
            for member in tar:
                span = Span(member.offset_data, member.size)
                name = member.name.removeprefix("./")
                end = span.offset + span.size
                if end > total:
                    skipped.append(Skipped(f"{path.name}/{name}", "the tar is cut off inside it"))
                elif member.isreg() and not is_hidden(name):
                    found.setdefault(same_name(name), []).append((name, span))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); restore it") from error
    except Exception as error:
        # tarfile raises its own errors and, from damaged extended headers, nearly anything.
        if not found:
            raise DataError(f"{path} is not a whole tar ({error}); download it again") from error
    if end <= total and not _has_end_mark(path, end):
        skipped.append(Skipped(path.name, f"damaged or cut off after {len(found)} files"))
    skipped += [
        Skipped(
            f"{path.name}/{alike[0][0]}", "the tar has several files of this name; pack it again"
        )
        for alike in found.values()
        if len(alike) > 1
    ]
    return dict(alike[0] for alike in found.values() if len(alike) == 1), skipped


def _has_end_mark(path: Path, end: int) -> bool:
    """Whether a block of zeros follows the last file, as in every tar that was written whole."""
    start = -(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    try:
        return not any(read_span(path, Span(start, tarfile.BLOCKSIZE), tarfile.BLOCKSIZE))
    except OSError:
        return False
