"""Reader of SA-1B's tar shards, in place."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from squeezesam.data.annotation_json import MAX_RECORD_BYTES, parse_record
from squeezesam.data.listing import list_files, pair_by_stem, same_name
from squeezesam.data.records import AnnotatedImage, Skipped
from squeezesam.data.sa1b import SA1B_VOCABULARY
from squeezesam.data.tar_index import COMPRESSED_SUFFIXES, Span, SpanPhoto, index_tar, read_span
from squeezesam.errors import DataError

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
