"""A teacher's labels of tar shards, shard by shard: how a data set as large as SA-1B is labelled.

The tar NAME.tar becomes NAME.tar in another folder, with the same photos and the teacher's labels,
in the order of the first. Each shard is a part of shared work (`squeezesam/data/parts.py`): it is
labelled by one process, opened only there, and kept when it is whole.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from squeezesam.data.annotation_json import MAX_RECORD_BYTES
from squeezesam.data.listing import split_name
from squeezesam.data.packing import END_MARK, tar_member
from squeezesam.data.parts import RECORDS, Crew, SharedWork
from squeezesam.data.records import Skipped
from squeezesam.data.sa1b import Sa1bFolder, Sa1bTar, Span, find_shards, read_span
from squeezesam.distillation.labels import (
    DEFAULTS,
    RECIPE,
    encoded,
    labelled,
    made_by_no_teacher,
    origin_of,
    stated_origin,
)
from squeezesam.distillation.options import LabelOptions
from squeezesam.distillation.teacher import Teacher
from squeezesam.errors import DataError, OutputError
from squeezesam.files import whole_file
from squeezesam.terminal import with_progress


@dataclass(frozen=True)
class ShardLabels:
    """What became of one shard.

    Attributes:
        photos: how many were labelled.
        masks: how many labels they have together.
        size: of the tar that was written, in bytes; 0 where the shard cannot be read.
        skipped: what was left out of it.
    """

    photos: int
    masks: int
    size: int
    skipped: tuple[Skipped, ...]


def label_shards(
    teacher: Teacher,
    shards: Sequence[Path],
    folder: Path,
    crew: Crew,
    options: LabelOptions = DEFAULTS,
) -> list[ShardLabels]:
    """Label tars in SA-1B's layout into a folder, this process its own ones, and wait for the rest.

    Args:
        teacher: who is asked.
        shards: the tars; a damaged one is left out.
        folder: for the tars with labels; not the folder of the shards.
        crew: the processes that label.
        options: what is asked and which answers are kept.

    Returns:
        What became of each shard, in order, whichever process labelled it.

    Raises:
        OutputError: the folder cannot be written to, or holds files that this teacher did not make,
            from these shards and with these options.
        ProcessError: another process ended before its shards were done.
    """
    paths = {shard.name: shard for shard in shards}
    if Sa1bFolder.matches(folder) or any(each.name not in paths for each in find_shards(folder)):
        raise OutputError(f"{folder} holds other data; name another folder for the labels")
    origin = {"recipe": RECIPE, "teacher": teacher.identity, "options": asdict(options)}

    def label(names: Sequence[str]) -> Iterator[ShardLabels]:
        for name in names:
            yield _label_shard(teacher, paths[name], folder / name, options)

    def is_whole(name: str, labels: ShardLabels) -> bool:
        tar = folder / name
        return labels.size == (tar.stat().st_size if tar.is_file() else 0)

    work = SharedWork(folder / RECORDS, origin, crew)
    return work.do(ShardLabels, [*paths], lambda name: _contents(paths[name]), label, is_whole)


def _contents(shard: Path) -> str:
    """SHA-256 of the names, places and sizes of what a tar holds, known without reading photos."""
    try:
        dataset = Sa1bTar.open(shard)
    except DataError:
        return "damaged"
    digest = hashlib.sha256(repr((shard.stat().st_size, dataset.photos)).encode("utf-8", "replace"))
    digest.update(dataset.spans.tobytes())
    return digest.hexdigest()


def _label_shard(teacher: Teacher, shard: Path, path: Path, options: LabelOptions) -> ShardLabels:
    """Write a shard with the teacher's labels; no file where the shard cannot be read."""
    _check_own(path)
    try:
        dataset = Sa1bTar.open(shard)
    except DataError as error:
        return ShardLabels(0, 0, 0, (Skipped(shard.name, str(error)),))
    skipped = list(dataset.skipped)
    photos = masks = 0
    with whole_file(path) as partial, partial.open("wb") as tar:
        for index in with_progress(f"labels in {path}", len(dataset)):
            try:
                image = dataset[index]
                content = encoded(image)
                origin = origin_of(teacher, image, content, options)
                text, count = labelled(teacher, image, image.name, origin, options)
            except DataError as error:
                skipped.append(Skipped(f"{shard.name}/{dataset.photos[index]}", str(error)))
                continue
            label = f"{split_name(image.name)[0]}.json"
            tar.write(tar_member(image.name, content) + tar_member(label, text.encode()))
            photos, masks = photos + 1, masks + count
        tar.write(END_MARK)
        size = tar.tell()
    return ShardLabels(photos, masks, size, tuple(skipped))


def _check_own(path: Path) -> None:
    """See that a tar, if it is there, is one that a teacher labelled.

    Raises:
        OutputError: it might be somebody's work.
    """
    if not path.exists() or (path.is_file() and path.stat().st_size == len(END_MARK)):
        return  # There is nothing in it.
    try:
        spans = Sa1bTar.open(path).spans[0].tolist()
        text = read_span(path, Span(*spans[3:]), MAX_RECORD_BYTES)
    except (DataError, OSError) as error:
        raise made_by_no_teacher(path) from error
    stated_origin(text, path)
