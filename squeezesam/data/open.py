"""From a path to its data set, whatever the layout."""

from pathlib import Path

from squeezesam.data.records import Dataset
from squeezesam.data.sa1b import Sa1bFolder


def open_dataset(path: Path) -> Dataset:
    """The data set at `path`.

    Raises:
        DataError: no known layout.
    """
    return Sa1bFolder.open(path)


def open_datasets(root: Path) -> list[Dataset]:
    """`root` itself where it is a data set, else every folder in it that is one.

    Raises:
        DataError: no data set.
    """
    if any(root.glob("*.json")):
        return [open_dataset(root)]
    return [open_dataset(path) for path in sorted(root.glob("*")) if path.is_dir()]
