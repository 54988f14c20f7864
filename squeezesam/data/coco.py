"""Reader of COCO's instance annotations, and of LVIS, which has the same format.

JSON becomes twenty times as large in Python's objects. So only one element of an array is built at
a time, and what is kept of it is its text.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self

from squeezesam.data.annotation_json import (
    MAX_RECORD_BYTES,
    Vocabulary,
    identity,
    malformed_as,
    parse_record,
)
from squeezesam.data.listing import Listing, same_name
from squeezesam.data.records import AnnotatedImage, FilePhoto, Skipped
from squeezesam.errors import DataError
from squeezesam.files import read_bytes
from squeezesam.strict_json import shown

MAX_FILE_BYTES = 2_000_000_000
MAX_DEPTH = 32
"""Nesting of an element; COCO's polygons need four."""

SPACE = re.compile(r"[ \t\n\r]*")
PIECE = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
SCALAR = re.compile(r"[^\s\[\]{},:\"]+")

Taker = Callable[[Any, str], None]
"""Is given an element of an array, built, and as text."""


def read_text(path: Path) -> str:
    """Text of a JSON file in any Unicode encoding, with or without a byte order mark.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text.
    """
    content = read_bytes(path, MAX_FILE_BYTES)
    return content.decode(json.detect_encoding(content))


def take_elements(text: str, takers: Mapping[str, Taker]) -> set[str]:
    """Give the elements of some arrays of a JSON object to those who want them.

    Args:
        text: a JSON object; whatever else stands in it is passed over.
        takers: by the key of the array.

    Returns:
        The keys that were there.

    Raises:
        DataError: a key is there twice, or an element is too large or nested too deeply.
        ValueError: the text is not such an object.
    """
    found: set[str] = set()
    at = _after(text, 0, "{")
    while text[at : at + 1] != "}":
        key_end = _end(text, at)
        key = json.loads(text[at:key_end])
        at = _after(text, key_end, ":")
        if key not in takers:
            at = _next(text, _end(text, at), "}")
            continue
        if key in found:
            raise DataError(f"{key!r} is there twice; merge the two")
        found.add(key)
        at = _after(text, at, "[")
        while text[at : at + 1] != "]":
            end = _end(text, at)
            if end - at > MAX_RECORD_BYTES:
                raise DataError(f"an element of {key!r} has more than {MAX_RECORD_BYTES} bytes")
            element = text[at:end]
            entry = json.loads(element)
            if not isinstance(entry, dict):
                raise DataError(f"an element of {key!r} is {shown(entry)}; it must be an object")
            takers[key](entry, element)
            at = _next(text, end, "]")
        at = _next(text, at + 1, "}")
    if SPACE.fullmatch(text, at + 1) is None:
        raise ValueError(f"something follows its end at character {at + 1}")
    return found


def _after(text: str, at: int, sign: str) -> int:
    """Place of what follows a sign that must stand here."""
    at = _skip_space(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"{sign!r} is missing at character {at}")
    return _skip_space(text, at + 1)


def _next(text: str, at: int, closing: str) -> int:
    """Place of the next element, or of the closing bracket."""
    at = _skip_space(text, at)
    if text[at : at + 1] == closing:
        return at
    at = _after(text, at, ",")
    if text[at : at + 1] == closing:
        raise ValueError(f"nothing follows the comma at character {at}")
    return at


def _skip_space(text: str, at: int) -> int:
    space = SPACE.match(text, at)
    return at if space is None else space.end()


def _end(text: str, at: int) -> int:
    """Place after the value that begins here."""
    if text[at : at + 1] not in ("[", "{", '"'):
        scalar = SCALAR.match(text, at)
        if scalar is None:
            raise ValueError(f"a value is missing at character {at}")
        return scalar.end()
    depth = 0
    for piece in PIECE.finditer(text, at):
        sign = text[piece.start()]
        depth += (sign in "[{") - (sign in "]}")
        if depth > MAX_DEPTH:
            raise DataError("it is nested too deeply")
        if depth == 0:
            return piece.end()
    raise ValueError(f"the value at character {at} has no end")


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
        records: the records, as `annotation_json.parse_record` takes them.
        vocabulary: the categories.
        skipped: photos that are missing or there twice, annotations without a photo.
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
        with malformed_as(f"{path} is not COCO's or LVIS's annotation of instances"):
            try:
                cut = CutByPhoto.of(read_text(path))
            except OSError as error:
                reason = error.strerror or error
                raise DataError(f"it cannot be read ({reason}); restore it") from error
        wanted, skipped = cut.named(path.name)
        if not wanted:
            reason = f"; {skipped[0].name}: {skipped[0].reason}" if skipped else ""
            raise DataError(f"{path} holds no annotation of a photo{reason}")
        folder, places = find_photos(path, wanted)
        missing = sorted(wanted.keys() - places.keys())
        skipped = [*(Skipped(name, "the photo is missing") for name in missing), *skipped]
        photos = tuple(places[name] for name in wanted if name in places)
        texts = tuple(wanted[name].encode() for name in wanted if name in places)
        return cls(path, folder, photos, texts, Vocabulary("whole", cut.categories), tuple(skipped))

    @property
    def name(self) -> str:
        """Name of the JSON file, without its suffix."""
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


@dataclass
class CutByPhoto:
    """An annotation file as texts, by the identity of the photo that they are of.

    Attributes:
        names: names of the photos.
        images: text of each photo's entry.
        annotations: texts of the entries of each photo's objects.
        twice: identities that several photos have.
        seen: annotations by their own identity, to find those that are there twice.
        repeated: count of these.
        categories: names by identity.
        frequencies: of the categories of LVIS, by identity.
    """

    names: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, list[str]] = field(default_factory=dict)
    twice: dict[str, list[str]] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    categories: dict[str, str] = field(default_factory=dict)
    frequencies: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Self:
        """From the text of a file.

        Raises:
            DataError, LookupError, TypeError, ValueError: not COCO's format.
        """
        cut = cls()
        takers = {
            "images": cut.take_image,
            "annotations": cut.take_annotation,
            "categories": cut.take_category,
        }
        found = take_elements(text, takers)
        for key in ("images", "annotations"):
            if key not in found:
                raise DataError(f"it has no {key!r}")
        return cut

    def take_image(self, image: Mapping[str, Any], text: str) -> None:
        """Keep a photo."""
        key = identity(image["id"])
        name = photo_name(image)
        if key in self.names:
            self.twice.setdefault(key, [self.names[key]]).append(name)
        self.names[key], self.images[key] = name, text

    def take_annotation(self, entry: Mapping[str, Any], text: str) -> None:
        """Keep an object, once."""
        own = "" if entry.get("id") is None else identity(entry["id"])
        if own and self.seen.setdefault(own, text) is not text and self.seen[own] == text:
            self.repeated += 1
            return
        self.annotations.setdefault(identity(entry["image_id"]), []).append(text)

    def take_category(self, category: Mapping[str, Any], text: str) -> None:  # noqa: ARG002
        """Keep the name of a category, and how frequent it is.

        Raises:
            DataError: another category has this identity.
        """
        key, name = identity(category["id"]), str(category.get("name", ""))
        if self.categories.setdefault(key, name) != name:
            raise DataError(f"the categories {self.categories[key]!r} and {name!r} share id {key}")
        if "frequency" in category:
            self.frequencies[key] = str(category["frequency"])

    def named(self, file: str) -> tuple[dict[str, str], list[Skipped]]:
        """Records of the photos that have annotations, by name, and what is left out.

        Args:
            file: name of the annotation file.
        """
        skipped = [
            Skipped(name, f"{len(names)} photos have the id {key}; give each its own")
            for key, names in self.twice.items()
            for name in names
        ]
        if self.repeated:
            skipped.append(Skipped(file, f"{self.repeated} annotations are there twice"))
        strays = sum(len(texts) for key, texts in self.annotations.items() if key not in self.names)
        if strays:
            skipped.append(Skipped(file, f"{strays} annotations name photos that the file lacks"))
        if not self.annotations:
            skipped.append(Skipped(file, "it has photos but no annotations"))
        by_name: dict[str, list[str]] = {}
        for key, name in self.names.items():
            by_name.setdefault(same_path(name), []).append(key)
        records = {}
        for keys in by_name.values():
            (first, *others), name = keys, self.names[keys[0]]
            if others:
                ids = ", ".join(keys)
                skipped.append(Skipped(name, f"it is there under several ids, {ids}; keep one"))
            elif first in self.annotations and first not in self.twice:
                entries = ",".join(self.annotations[first])
                records[name] = f'{{"image":{self.images[first]},"annotations":[{entries}]}}'
        return records, skipped


def same_path(name: str) -> str:
    """A form that two names of one file below a folder share."""
    return same_name(str(PurePosixPath(name)))


def photo_name(image: Mapping[str, Any]) -> str:
    """Path of a photo: COCO has it as `file_name`, LVIS only in a URL, below its split's folder."""
    if "coco_url" not in image or image.get("file_name") is not None:
        return str(image["file_name"])
    return "/".join(str(image["coco_url"]).split("/")[-2:])


def find_annotations(path: Path) -> list[Path]:
    """Annotation files that a path stands for: itself, or those in a folder that has the photos."""
    if not path.is_dir():
        return [path] if path.suffix == ".json" and path.is_file() else []
    found = [*path.glob("annotations/instances_*.json"), *path.glob("instances_*.json")]
    return sorted(each for each in found if (path / split_of(each)).is_dir())


def split_of(path: Path) -> str:
    """`val2017` of `instances_val2017.json`."""
    return path.stem.partition("_")[2]


def find_photos(path: Path, names: Collection[str]) -> tuple[Path, dict[str, str]]:
    """The folder that photo names start from, and the names as the files there have them.

    Args:
        path: the annotation file; the folder is near it.
        names: relative paths of the photos.

    Raises:
        DataError: no photo is found.
    """
    homes = (path.parent.parent, path.parent)
    folders = [
        home / inside / split
        for home in homes
        for inside in ("", "images")
        for split in (split_of(path), "")
    ]
    listing = Listing()
    for folder in folders:
        found = {name: listing.find(folder, name) for name in names}
        places = {name: place for name, place in found.items() if place is not None}
        if places:
            return folder, places
    raise DataError(
        f"no photo of {path} is found in {', '.join(map(str, dict.fromkeys(folders)))}; "
        "put its photos into one of these"
    )
