"""Which files a folder holds, and which photo belongs to which annotation."""

import os
from collections.abc import Iterable
from pathlib import Path

from squeezesam.data.records import Skipped
from squeezesam.errors import DataError

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def list_files(folder: Path) -> list[str]:
    """Names of the files directly in a folder, sorted; hidden ones are left out.

    Raises:
        DataError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file()]
    except (OSError, ValueError) as error:  # ValueError: a name that no folder can have.
        raise DataError(f"{folder} cannot be listed ({error}); give a readable folder") from error
    return sorted(name for name in names if not name.startswith("."))


def split_name(name: str) -> tuple[str, str]:
    """Stem, with any folders before it, and the suffix in lower case, with its dot."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix.lower()) if dot else (name, "")


def pair_by_stem(names: Iterable[str]) -> tuple[list[tuple[str, str]], list[Skipped]]:
    """Photos with the JSON file of the same stem, in the order of the JSON files.

    Returns:
        (photo, JSON) names, and the photos and JSON files that have no partner.
    """
    photos: dict[str, str] = {}
    annotations: dict[str, str] = {}
    for name in names:
        stem, suffix = split_name(name)
        if suffix == ".json":
            annotations[stem] = name
        elif suffix in PHOTO_SUFFIXES:
            photos[stem] = name
    pairs = [(photos[stem], name) for stem, name in annotations.items() if stem in photos]
    lonely = [Skipped(n, "it has no photo") for s, n in annotations.items() if s not in photos]
    lonely += [Skipped(n, "it has no JSON") for s, n in photos.items() if s not in annotations]
    return pairs, lonely
