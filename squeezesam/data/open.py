"""From a path to its data set, whatever the layout."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from squeezesam.data.coco import CocoInstances
from squeezesam.data.coco_lvis import CocoLvis
from squeezesam.data.listing import list_folders, same_name
from squeezesam.data.mask_folder import MaskFolder
from squeezesam.data.records import Dataset
from squeezesam.data.sa1b import Sa1bFolder, Sa1bTar
from squeezesam.errors import DataError
from squeezesam.files import PathLike, check_name


class DataReader(Protocol):
    """A class of data sets in one layout."""

    LAYOUT: str
    """One line for the user: what lies where."""

    def matches(self, path: Path) -> bool:
        """Whether a path looks like this layout; reads names only."""

    def open(self, path: Path) -> Dataset:
        """The data set.

        Raises:
            DataError: it cannot be used.
        """


READERS: tuple[DataReader, ...] = (Sa1bFolder, Sa1bTar, CocoInstances, CocoLvis, MaskFolder)
"""The first that matches opens the path."""


def open_dataset(path: PathLike) -> Dataset:
    """The data set at `path`.

    Raises:
        DataError: no known layout, or a damaged data set.
    """
    path = Path(path)
    reader = find_reader(path)
    if reader is None:
        raise DataError(_unknown(path))
    return reader.open(path)


def open_datasets(*roots: PathLike) -> list[Dataset]:
    """Each root itself where it is a data set, else every folder below it that is one, by path.

    Raises:
        DataError: there is none below a root, two have one name, or one is damaged.
    """
    return [dataset for dataset, _ in open_with_parents(*roots)]


def open_with_parents(*roots: PathLike) -> list[tuple[Dataset, str]]:
    """As `open_datasets`, each with the name of the root that it was found below.

    The name is empty where the root is the data set itself.

    Raises:
        DataError: as `open_datasets` does.
    """
    datasets: list[tuple[Dataset, str]] = []
    for root in map(Path, roots):
        found = [
            (reader.open(path), "" if path == root else root.resolve().name)
            for path, reader in _readers_below(root)
        ]
        if not found:
            raise DataError(_unknown(root))
        datasets += found
    names = [same_name(dataset.name) for dataset, _ in datasets]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"two data sets are named {name!r}; rename one or leave it out")
    return datasets


def _readers_below(root: Path, above: tuple[Path, ...] = ()) -> Iterator[tuple[Path, DataReader]]:
    reader = find_reader(root)
    if reader is not None:
        yield root, reader
    elif root.is_dir() and root.resolve() not in above:  # Links may lead back up.
        for name in list_folders(root):
            yield from _readers_below(root / name, (*above, root.resolve()))


def find_reader(path: Path) -> DataReader | None:
    """The reader for a path, None where no layout matches.

    Raises:
        DataError: nothing can have such a name.
    """
    check_name(path, DataError)
    return next((reader for reader in READERS if reader.matches(path)), None)


def _unknown(path: Path) -> str:
    if not path.exists():
        return f"{path} does not exist; check the name"
    layouts = "; ".join(f"({n}) {reader.LAYOUT}" for n, reader in enumerate(READERS, 1))
    return f"{path} is no data set and no parent of one; known are {layouts}"
