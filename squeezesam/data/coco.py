"""Reader of COCO's instance annotations, and of LVIS, which has the same format."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from squeezesam.data.annotation_json import Vocabulary, malformed_as, parse_record
from squeezesam.data.listing import list_files
from squeezesam.data.records import AnnotatedImage, FilePhoto, Skipped
from squeezesam.errors import DataError


@dataclass(frozen=True)
class CocoInstances:
    """The photos of one COCO or LVIS file that have objects and are there, in its order.

    On opening, the file is cut into one JSON record for each photo, which is taken apart only when
    asked for. Crowds (`iscrowd`) are left out.

    Attributes:
        path: the JSON file.
        folder: where photo names start.
        photos: relative to the folder; COCO's `file_name`, or the end of LVIS's `coco_url`
            (`val2017/000000000139.jpg`).
        records: as `annotation_json.parse_record` takes them.
        vocabulary: the categories.
        skipped: photos that are missing, annotations without a photo.
    """

    LAYOUT: ClassVar[str] = (
        "COCO or LVIS: the .json, or COCO's folder with one annotations/instances_SPLIT.json whose "
        "photos are in SPLIT/"
    )

    path: Path
    folder: Path
    photos: tuple[str, ...]
    records: tuple[bytes, ...]
    vocabulary: Vocabulary
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether it is a .json file, or a folder with COCO's annotations of photos it holds."""
        return bool(find_annotations(path))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the annotation file and list the photos.

        Raises:
            DataError: it is missing, damaged or one of several, or no photo of it is found.
        """
        found = find_annotations(path)
        if len(found) != 1:
            one = " or ".join(map(str, found)) or "an instances_SPLIT.json"
            raise DataError(f"{path} is not one COCO data set; give {one}")
        path = found[0]
        try:
            text = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); restore it") from error
        with malformed_as(f"{path} is not COCO's or LVIS's annotation of instances"):
            content = json.loads(text)
            records, strays = cut_by_photo(content)
            categories = {each["id"]: str(each["name"]) for each in content.get("categories", ())}
        folder, missing = find_photos(path, records)
        skipped = [Skipped(photo, "the photo is missing") for photo in sorted(missing)]
        if strays:
            skipped.append(Skipped(path.name, f"{strays} annotations of photos that it lacks"))
        photos = tuple(photo for photo in records if photo not in missing)
        texts = tuple(json.dumps(records[photo]).encode() for photo in photos)
        return cls(path, folder, photos, texts, Vocabulary("whole", categories), tuple(skipped))

    @property
    def name(self) -> str:
        """Of the JSON file, without its suffix."""
        return self.path.stem

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photos)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks.

        Raises:
            DataError: one of its annotations is damaged, such as a polygon of an odd count of
                numbers: no mask of the photo is trusted then.
        """
        photo = self.photos[index]
        source = FilePhoto(self.folder / photo)
        return parse_record(self.records[index], photo, source, self.vocabulary)


def cut_by_photo(content: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], int]:
    """Records of the photos that have annotations, by photo, and the count of stray annotations.

    Raises:
        LookupError, TypeError, AttributeError: not COCO's format.
    """
    records = {image["id"]: {"image": image, "annotations": []} for image in content["images"]}
    strays = 0
    for entry in content["annotations"]:
        if entry["image_id"] in records:
            records[entry["image_id"]]["annotations"].append(entry)
        else:
            strays += 1
    used = (record for record in records.values() if record["annotations"])
    return {photo_name(record["image"]): record for record in used}, strays


def photo_name(image: Mapping[str, Any]) -> str:
    """Path of a photo: COCO has it as `file_name`, LVIS only in a URL, below its split's folder."""
    if "file_name" in image:
        return str(image["file_name"])
    return "/".join(image["coco_url"].split("/")[-2:])


def find_annotations(path: Path) -> list[Path]:
    """Annotation files that a path stands for: itself, or those in a folder that has the photos."""
    if not path.is_dir():
        return [path] if path.suffix == ".json" and path.is_file() else []
    found = [*path.glob("annotations/instances_*.json"), *path.glob("instances_*.json")]
    return sorted(each for each in found if (path / split_of(each)).is_dir())


def split_of(path: Path) -> str:
    """`val2017` of `instances_val2017.json`."""
    return path.stem.partition("_")[2]


def find_photos(path: Path, names: Iterable[str]) -> tuple[Path, set[str]]:
    """The folder that photo names start from, and the names that are missing there.

    Args:
        path: the annotation file; the folder is near it.
        names: of photos, relative.

    Raises:
        DataError: no photo is found.
    """
    wanted = set(names)
    homes = (path.parent.parent, path.parent)
    folders = [
        home / inside / split
        for home in homes
        for inside in ("", "images")
        for split in (split_of(path), "")
    ]
    listed: dict[Path, set[str]] = {}
    for folder in folders:
        missing = {name for name in wanted if not _exists(folder / name, listed)}
        if len(missing) < len(wanted):
            return folder, missing
    raise DataError(
        f"no photo of {path} is found in {', '.join(map(str, dict.fromkeys(folders)))}; "
        "put its photos into one of these"
    )


def _exists(path: Path, listed: dict[Path, set[str]]) -> bool:
    """Whether a file exists; asks for whole folders, of which some hold 100,000 photos."""
    if path.parent not in listed:
        try:
            listed[path.parent] = set(list_files(path.parent))
        except DataError:
            listed[path.parent] = set()
    return path.name in listed[path.parent]
