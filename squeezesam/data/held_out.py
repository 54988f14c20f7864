"""A fixed split of a data set by the names of its photos, to train on one part and judge the other.

The name of a photo alone decides its part, which stays when photos are added or left out.
"""

import hashlib
from dataclasses import dataclass

from squeezesam.data.records import AnnotatedImage, Dataset
from squeezesam.data.view import DatasetView
from squeezesam.errors import DataError

ONE_IN = 5


def is_held_out(name: str) -> bool:
    """Whether the photo of this file name is one of the fifth that is never trained on."""
    return hashlib.sha256(name.encode()).digest()[0] % ONE_IN == 0


@dataclass(frozen=True)
class Subset(DatasetView):
    """Some photos of a data set, in its order and under its name.

    Attributes:
        places: indices of the photos in the whole data set.
    """

    places: tuple[int, ...]

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.places)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks."""
        return self.whole[self.places[index]]


def split(dataset: Dataset, *, held_out: bool) -> Subset:
    """The held-out photos of a data set, or all others; damaged annotations belong to neither.

    Raises:
        DataError: none are left.
    """
    places = []
    for place in range(len(dataset)):
        try:
            name = dataset[place].name
        except DataError:
            continue
        if is_held_out(name) == held_out:
            places.append(place)
    if not places:
        part = "held-out" if held_out else "other than held-out"
        raise DataError(f"{dataset.name} has no {part} photo; give a larger data set")
    return Subset(dataset, tuple(places))
