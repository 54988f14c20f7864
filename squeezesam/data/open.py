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
