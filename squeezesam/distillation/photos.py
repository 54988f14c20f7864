"""A plain folder of photos as a data set without annotations."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image

from squeezesam.data.listing import PHOTO_SUFFIXES, list_files, split_name
from squeezesam.data.open import find_reader, open_dataset
from squeezesam.data.records import AnnotatedImage, Dataset, FilePhoto, Skipped
from squeezesam.errors import DataError, ImageError
from squeezesam.image_io import check_size, read_photo

UPRIGHT = 1
"""EXIF orientation of a photo that is stored as it is shown."""


@dataclass(frozen=True)
class UprightPhoto:
    """A photo that is stored turned, or in other colours than RGB, as the PNG of its true look.

    Readers of data sets show pixels as stored; masks are then drawn on these.
    """

    path: Path

    def read(self) -> bytes:
        """A PNG file's content.

        Raises:
            ImageError: the photo cannot be read.
        """
        buffer = io.BytesIO()
        Image.fromarray(read_photo(self.path)).save(buffer, "PNG")
        return buffer.getvalue()


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
        """Of the folder."""
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
            with Image.open(path) as image:
                check_size(path, image)
                orientation = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
                if image.mode == "RGB" and orientation == UPRIGHT:
                    return AnnotatedImage(name, FilePhoto(path), *image.size, ())
            height, width = read_photo(path).shape[:2]
        except ImageError as error:
            raise DataError(str(error)) from error
        except Exception as error:
            # On a damaged file the decoders raise nearly anything: OSError, SyntaxError, ...
            raise DataError(f"{path} cannot be read ({error}); restore it") from error
        return AnnotatedImage(f"{split_name(name)[0]}.png", UprightPhoto(path), width, height, ())


def open_photos(path: Path) -> Dataset:
    """The data set at `path`, or the photos in that folder where it is none.

    Raises:
        DataError: neither, or a damaged data set.
    """
    if path.is_dir() and find_reader(path) is None:
        names = [name for name in list_files(path) if split_name(name)[1] in PHOTO_SUFFIXES]
        if names:
            return PhotoFolder(path, tuple(names))
    return open_dataset(path)
