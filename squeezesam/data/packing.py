"""Any data set as tar shards in SA-1B layout, the form in which data travels."""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from squeezesam.data.encoded_masks import encode_rle
from squeezesam.data.listing import same_name, split_name
from squeezesam.data.records import HALF, AnnotatedImage, Annotation, Dataset, Mask, Skipped
from squeezesam.errors import ConfigError, DataError
from squeezesam.files import PathLike
from squeezesam.image_io import opened_photo
from squeezesam.photo_pixels import UPRIGHT, orientation_of
from squeezesam.picture_strips import StripPicture

JPEG_START = b"\xff\xd8\xff"
JPEG_QUALITY = 95
END_MARK = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class PackedPhoto:
    """One photo as two tar members, NAME.jpg and NAME.json.

    Attributes:
        name: NAME.
        members: headers included.
        masks: how many.
    """

    name: str
    members: bytes
    masks: int


@dataclass(frozen=True)
class Shard:
    """A tar that was written.

    Attributes:
        path: path of the tar.
        photos: how many it holds.
        masks: how many it holds.
        size: size in bytes.
    """

    path: Path
    photos: int
    masks: int
    size: int


def pack(dataset: Dataset, folder: PathLike, limit: int) -> tuple[list[Shard], list[Skipped]]:
    """Write a data set as NAME-0000.tar, NAME-0001.tar, ... in its order.

    The same data give the same bytes. JPEG photos that are stored
    as they are shown keep theirs; others become JPEG. Masks become
    run lengths, so a soft matte is cut at half. Every photo and mask is decoded on the way: what
    is damaged stays behind and is listed, after what the data set skipped itself.

    Args:
        dataset: to read.
        folder: to write into.
        limit: bytes that no shard exceeds.

    Raises:
        ConfigError: one photo alone exceeds the limit.
        DataError: two photos have one name, or none is sound.
    """
    skipped = list(dataset.skipped)
    shards = []
    for number, photos in enumerate(batches(_packed(dataset, skipped), limit)):
        path = Path(folder) / f"{dataset.name}-{number:04}.tar"
        size = path.write_bytes(b"".join([*(photo.members for photo in photos), END_MARK]))
        shards.append(Shard(path, len(photos), sum(photo.masks for photo in photos), size))
    if not shards:
        raise DataError(f"no photo of {dataset.name} is sound; the first: {skipped[0].reason}")
    return shards, skipped


def batches(photos: Iterable[PackedPhoto], limit: int) -> Iterator[list[PackedPhoto]]:
    """As many photos at a time as fit into a shard.

    Raises:
        ConfigError: one photo alone does not fit.
    """
    batch: list[PackedPhoto] = []
    size = len(END_MARK)
    for photo in photos:
        if len(END_MARK) + len(photo.members) > limit:
            raise ConfigError(
                f"{photo.name} needs {len(photo.members)} bytes, a shard holds {limit}; "
                "raise --shard-mb"
            )
        if size + len(photo.members) > limit:
            yield batch
            batch, size = [], len(END_MARK)
        batch.append(photo)
        size += len(photo.members)
    if batch:
        yield batch


def _packed(dataset: Dataset, skipped: list[Skipped]) -> Iterator[PackedPhoto]:
    """The sound photos of a data set; the others are added to `skipped`."""
    names: set[str] = set()
    for index in range(len(dataset)):
        try:
            image = dataset[index]
            photo = pack_photo(image)
        except DataError as error:
            skipped.append(Skipped(f"{dataset.name}[{index}]", str(error)))
            continue
        if same_name(photo.name) in names:
            raise DataError(f"{dataset.name} has two photos {photo.name}; rename one")
        names.add(same_name(photo.name))
        skipped += image.left_out
        yield photo


def pack_photo(image: AnnotatedImage) -> PackedPhoto:
    """One photo with its masks, decoded to see that they are sound.

    Raises:
        DataError: photo or mask is damaged.
    """
    pixels = image.pixels()
    content = image.source.read()
    # What is stored turned would be shown otherwise by readers that know no EXIF.
    if not content.startswith(JPEG_START) or is_turned(content):
        buffer = io.BytesIO()
        StripPicture.of(pixels).save(buffer, "JPEG", JPEG_QUALITY)
        content = buffer.getvalue()
    name = split_name(image.name)[0]
    record: dict[str, Any] = {
        "image": {"file_name": f"{name}.jpg", "width": image.width, "height": image.height},
        "annotations": [_entry(annotation) for annotation in image.annotations],
    }
    if image.ignore is not None:
        record["ignore"] = _segmentation(image.ignore.coverage() > HALF)
    text = json.dumps(record, separators=(",", ":")).encode()
    members = tar_member(f"{name}.jpg", content) + tar_member(f"{name}.json", text)
    return PackedPhoto(name, members, len(image.annotations))


def is_turned(content: bytes) -> bool:
    """Whether a sound photo is shown otherwise than it is stored."""
    with opened_photo(io.BytesIO(content), "the photo") as image:
        return orientation_of(image) != UPRIGHT


def _entry(annotation: Annotation) -> dict[str, Any]:
    mask = annotation.mask()
    entry: dict[str, Any] = {
        "segmentation": _segmentation(mask),
        "area": annotation.area,
        "bbox": bounding_box(mask),
        "kind": annotation.kind,
    }
    return {**entry, "category": annotation.category} if annotation.category else entry


def _segmentation(mask: Mask) -> dict[str, Any]:
    return {"size": list(mask.shape), "counts": encode_rle(mask).counts}


def bounding_box(mask: Mask) -> list[int]:
    """Left, top, width and height of what is inside, in pixels; zeros for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return [0, 0, 0, 0]
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]


def tar_member(name: str, content: bytes) -> bytes:
    """A file as it stands in a tar; without a date or an owner, so that bytes repeat."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    return header.tobuf() + content + bytes(-len(content) % tarfile.BLOCKSIZE)
