"""A plain folder of photos as a data set without annotations."""

from dataclasses import dataclass
from pathlib import Path

from squeezesam.data.listing import PHOTO_SUFFIXES, list_files, split_name
from squeezesam.data.open import find_reader, open_dataset
from squeezesam.data.records import AnnotatedImage, Dataset, FilePhoto, Skipped
from squeezesam.errors import DataError, ImageError
from squeezesam.files import PathLike
from squeezesam.image_io import photo_size


@dataclass(frozen=True)
class PhotoFolder:
    """The photos directly inside one folder, by name; each is opened when asked for.

    Attributes:
        folder: holds the photos.
        photos: their names.
    """

    folder: Path
    photos: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.absolute().name

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photos)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo, no masks.

        Raises:
            DataError: it is missing, damaged or too large.
        """
        name = self.photos[index]
        path = self.folder / name
        try:
            return AnnotatedImage(name, FilePhoto(path), *photo_size(path), ())
        except ImageError as error:
            raise DataError(str(error)) from error


def open_photos(path: PathLike) -> Dataset:
    """The data set at `path`, or the photos in that folder if it is not a data set.

    Raises:
        DataError: neither, or a damaged data set.
    """
    path = Path(path)
    if find_reader(path) is None and path.is_dir():
        names = [name for name in list_files(path) if split_name(name)[1] in PHOTO_SUFFIXES]
        if names:
            return PhotoFolder(path, tuple(names))
    return open_dataset(path)
