"""Which files a folder holds, and which photo belongs to which annotation."""

import os
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from squeezesam.data.records import Skipped
from squeezesam.errors import DataError
from squeezesam.files import is_hidden

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif"}
)


def list_files(folder: Path) -> list[str]:
    """Names of the files directly in a folder, sorted; hidden and system files are left out.

    Raises:
        DataError: it cannot be listed.
    """
    return _listed(folder, os.DirEntry.is_file)


def list_folders(folder: Path) -> list[str]:
    """Names of the folders directly in a folder, sorted; hidden and system ones are left out.

    Raises:
        DataError: it cannot be listed.
    """
    return _listed(folder, os.DirEntry.is_dir)


def _listed(folder: Path, is_wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_wanted(entry)]
    except (OSError, ValueError) as error:  # ValueError: a name that no folder can have.
        raise DataError(f"{folder} cannot be listed ({error}); give a readable folder") from error
    return sorted(name for name in names if not is_hidden(name))


def same_name(name: str) -> str:
    """A form that two names share when they look alike: Macs decompose letters with accents."""
    return unicodedata.normalize("NFC", name)


class Listing:
    """Files by names that may differ from theirs in the form of accents.

    Whole folders are listed, and some of them hold 100,000 photos.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[Path, bool], dict[str, list[str]]] = {}

    def find(self, folder: Path, name: str) -> str | None:
        """A file's name as it is there, None where it is missing or two look alike.

        Args:
            folder: where the name starts.
            name: with the folders before it.
        """
        home = folder
        *parents, last = PurePosixPath(name).parts or ("",)
        for parent in parents:
            place = parent if parent in ("/", "..") else self._find(home, parent, is_file=False)
            if place is None:
                return None
            home /= place
        place = self._find(home, last, is_file=True)
        return None if place is None else os.path.relpath(home / place, folder)

    def _find(self, home: Path, name: str, *, is_file: bool) -> str | None:
        if (home, is_file) not in self._names:
            names = self._names.setdefault((home, is_file), {})
            try:
                listed = list_files(home) if is_file else list_folders(home)
            except DataError:
                listed = []
            for each in listed:
                names.setdefault(same_name(each), []).append(each)
        alike = self._names[home, is_file].get(same_name(name), [])
        if name in alike:
            return name
        return alike[0] if len(alike) == 1 else None


def split_name(name: str) -> tuple[str, str]:
    """Stem, with any folders before it, and the suffix in lower case, with its dot."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix.lower()) if dot else (name, "")


def by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by their stem, in the form of `same_name`."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(same_name(split_name(name)[0]), []).append(name)
    return found


def not_alone(names: Iterable[str]) -> list[Skipped]:
    """Files of one stem that are left out, because which one is meant cannot be known."""
    listed = sorted(names)
    return [
        Skipped(name, f"{', '.join(listed)} have the same stem; rename or remove all but one")
        for name in listed
    ]


def pair_by_stem(names: Iterable[str]) -> tuple[list[tuple[str, str]], list[Skipped]]:
    """Photos with the JSON file of the same stem, in the order of the JSON files.

    Returns:
        (photo, JSON) names, and the photos and JSON files that have no partner or several.
    """
    named = [(split_name(name)[1], name) for name in names]
    photos = by_stem(name for suffix, name in named if suffix in PHOTO_SUFFIXES)
    annotations = by_stem(name for suffix, name in named if suffix == ".json")
    pairs: list[tuple[str, str]] = []
    lonely: list[Skipped] = []
    for stem in annotations | photos:
        of_stem = photos.get(stem, []), annotations.get(stem, [])
        if len(of_stem[0]) == len(of_stem[1]) == 1:
            pairs.append((of_stem[0][0], of_stem[1][0]))
        elif max(map(len, of_stem)) > 1:
            lonely += not_alone([*of_stem[0], *of_stem[1]])
        else:
            missing = "JSON" if of_stem[0] else "photo"
            lonely += [Skipped(name, f"it has no {missing}") for name in (*of_stem[0], *of_stem[1])]
    return pairs, lonely
