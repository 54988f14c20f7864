"""A data set seen through another: under its name, with some of its photos or masks."""

from collections.abc import Sequence
from dataclasses import dataclass

from squeezesam.data.records import AnnotatedImage, Dataset, Skipped


@dataclass(frozen=True)
class DatasetView:
    """All photos of a data set as they are; what differs is for a subclass to say.

    Attributes:
        whole: the data set.
    """

    whole: Dataset

    @property
    def name(self) -> str:
        """Name of the whole data set."""
        return self.whole.name

    @property
    def skipped(self) -> Sequence[Skipped]:
        """What the whole data set left out."""
        return self.whole.skipped

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.whole)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks."""
        return self.whole[index]
