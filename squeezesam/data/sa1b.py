"""Reader of a folder in SA-1B layout: NAME.jpg beside NAME.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from squeezesam.data.annotation_json import MAX_RECORD_BYTES, Vocabulary, parse_record
from squeezesam.data.listing import list_files, pair_by_stem
from squeezesam.data.records import AnnotatedImage, FilePhoto, Skipped
from squeezesam.errors import DataError
from squeezesam.files import read_bytes

SA1B_VOCABULARY = Vocabulary(kind="segment")
"""SA-1B itself has no `kind`; its masks are unlabelled segments."""


@dataclass(frozen=True)
class Sa1bFolder:
    """The annotated photos directly inside one folder; each JSON is read when asked for.

    Attributes:
        folder: holds NAME.jpg beside NAME.json.
        pairs: names of photo and JSON, by name of the JSON.
        skipped: files without a partner.
    """

    LAYOUT: ClassVar[str] = "SA-1B folder: NAME.jpg beside NAME.json"

    folder: Path
    pairs: tuple[tuple[str, str], ...]
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether it is a folder with at least one such pair."""
        return path.is_dir() and bool(pair_by_stem(list_files(path))[0])

    @classmethod
    def open(cls, path: Path) -> Self:
        """List the folder.

        Raises:
            DataError: it is missing or holds no such pair.
        """
        pairs, skipped = pair_by_stem(list_files(path))
        if not pairs:
            raise DataError(f"{path} holds no NAME.jpg beside NAME.json (SA-1B layout)")
        return cls(path, tuple(pairs), tuple(skipped))

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.absolute().name

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.pairs)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks.

        Raises:
            DataError: its annotation is damaged.
        """
        photo, annotation = self.pairs[index]
        path = self.folder / annotation
        try:
            text = read_bytes(path, MAX_RECORD_BYTES)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); restore it") from error
        return parse_record(text, photo, FilePhoto(self.folder / photo), SA1B_VOCABULARY)
