"""Readers of SA-1B's layout, in a folder and in tar shards: NAME.jpg beside NAME.json."""

import io
import itertools
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.annotation_json import MAX_RECORD_BYTES, Vocabulary, parse_record
from squeezesam.data.listing import list_files, pair_by_stem, same_name
from squeezesam.data.records import AnnotatedImage, FilePhoto, Skipped
from squeezesam.errors import DataError
from squeezesam.files import check_length, is_hidden, read_bytes
from squeezesam.image_io import MAX_PHOTO_BYTES

SA1B_VOCABULARY = Vocabulary(kind="segment")
"""SA-1B itself has no `kind`; its masks are unlabelled segments."""


@dataclass(frozen=True)
class Sa1bFolder:
    """The annotated photos directly inside one folder; each JSON is read when asked for.

    Attributes:
        folder: holds NAME.jpg beside NAME.json.
        pairs: names of photo and JSON, by name of the JSON.
        skipped: files without a partner.
    """

    LAYOUT: ClassVar[str] = "SA-1B folder: NAME.jpg beside NAME.json"

    folder: Path
    pairs: tuple[tuple[str, str], ...]
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether it is a folder with at least one such pair."""
        return path.is_dir() and bool(pair_by_stem(list_files(path))[0])

    @classmethod
    def open(cls, path: Path) -> Self:
        """List the folder.

        Raises:
            DataError: it is missing or holds no such pair.
        """
        pairs, skipped = pair_by_stem(list_files(path))
        if not pairs:
            raise DataError(f"{path} holds no NAME.jpg beside NAME.json (SA-1B layout)")
        return cls(path, tuple(pairs), tuple(skipped))

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.absolute().name

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.pairs)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks.

        Raises:
            DataError: its annotation is damaged.
        """
        photo, annotation = self.pairs[index]
        path = self.folder / annotation
        try:
            text = read_bytes(path, MAX_RECORD_BYTES)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); restore it") from error
        return parse_record(text, photo, FilePhoto(self.folder / photo), SA1B_VOCABULARY)


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


class HeaderFile(io.FileIO):
    """A tar that ends where no header is found in as many bytes as the largest file may have.

    A sparse file of a terabyte costs its sender nothing, and would be read through.

    Attributes:
        blocks: that were read since the last header.
    """

    blocks = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes; none when there is nothing more to be found."""
        self.blocks += 1
        if self.blocks > MAX_PHOTO_BYTES // tarfile.BLOCKSIZE:
            return b""
        return super().read(size)


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
        with (
            HeaderFile(path) as file,
            tarfile.open(fileobj=file, mode="r:", ignore_zeros=True) as tar,
        ):
            for member in tar:
                file.blocks = 0
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


TWICE = "another shard has a photo of this name; rename one"
TAR_SUFFIXES = (".tar", *COMPRESSED_SUFFIXES)


@dataclass(frozen=True, eq=False)
class Sa1bTar:
    """The photos in one tar, or in all tars of a folder: NAME.jpg and NAME.json, in tar order.

    Holds no open file, so it can be pickled and shared by data workers.

    Attributes:
        path: the tar, or the folder.
        shards: the tars.
        photos: names inside the tars.
        spans: [N, 5] shard, then offset and size of photo and of JSON. One array, because a tuple
            of objects for each of SA-1B's eleven million photos would not fit in memory.
        skipped: what is missing, cut off or without a partner.
    """

    LAYOUT: ClassVar[str] = "SA-1B shards: a .tar, or a folder of them, with NAME.jpg and NAME.json"

    path: Path
    shards: tuple[Path, ...]
    photos: tuple[str, ...]
    spans: NDArray[np.int64]
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether it is named like a tar, compressed or not, or is a folder that holds one."""
        return bool(find_shards(path))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Index the tars from their headers; a tar that cannot be indexed is skipped.

        Raises:
            DataError: no photo in any of them.
        """
        photos: list[str] = []
        rows: list[tuple[int, int, int, int, int]] = []
        places: dict[str, int] = {}
        twice: set[int] = set()
        skipped: list[Skipped] = []
        shards = find_shards(path)
        for number, shard in enumerate(shards):
            try:
                members, damaged = index_tar(shard)
            except DataError as error:
                skipped.append(Skipped(shard.name, str(error)))
                continue
            pairs, lonely = pair_by_stem(members)
            skipped += damaged
            skipped += [Skipped(f"{shard.name}/{each.name}", each.reason) for each in lonely]
            for photo, json in pairs:
                earlier = places.setdefault(same_name(photo), len(photos))
                if earlier < len(photos):
                    skipped.append(Skipped(f"{shard.name}/{photo}", TWICE))
                    twice.add(earlier)
                else:
                    photos.append(photo)
                    rows.append((number, *members[photo], *members[json]))
        skipped += [
            Skipped(f"{shards[rows[place][0]].name}/{photos[place]}", TWICE) for place in twice
        ]
        if len(twice) == len(photos):
            reason = f" ({skipped[0].reason})" if skipped else ""
            raise DataError(f"{path} holds no NAME.jpg with NAME.json{reason}")
        single = [place not in twice for place in range(len(photos))]
        return cls(
            path,
            tuple(shards),
            tuple(itertools.compress(photos, single)),
            np.array(rows)[single],
            tuple(skipped),
        )

    @property
    def name(self) -> str:
        """Name of the folder, or of the tar without its suffix."""
        return self.path.absolute().name.removesuffix(".tar")

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photos)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks.

        Raises:
            DataError: its annotation is damaged.
        """
        photo = self.photos[index]
        number, *spans = self.spans[index].tolist()
        shard = self.shards[number]
        try:
            text = read_span(shard, Span(*spans[2:]), MAX_RECORD_BYTES)
        except OSError as error:
            raise DataError(f"{photo} in {shard} cannot be read ({error}); restore it") from error
        return parse_record(text, photo, SpanPhoto(shard, Span(*spans[:2])), SA1B_VOCABULARY)


def find_shards(path: Path) -> list[Path]:
    """The tars at a path, which is one or a folder of some, by name."""
    if path.is_dir():
        return [path / name for name in list_files(path) if name.endswith(TAR_SUFFIXES)]
    return [path] if path.is_file() and path.name.endswith(TAR_SUFFIXES) else []
