"""Calibration: the inputs on which the ranges of activations are seen.

Photos need no masks. Each kind of network is asked about them as `KindRecipe.calibration_inputs`
says. A range that was never seen is a saturated one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from squeezesam.data.listing import PHOTO_SUFFIXES, list_files, split_name
from squeezesam.data.records import spread
from squeezesam.errors import DataError
from squeezesam.image_io import read_photo

Inputs = tuple[Tensor, ...]
"""Of one inference, as in squeezesam.spec."""

Asking = Callable[[NDArray[np.uint8], np.random.Generator], Iterable[Inputs]]
"""Inputs of a network on a photo [H, W, 3] of RGB bytes."""

SHIPPED_PHOTOS = Path(__file__).parent / "photos"
MIN_PHOTOS = 8
MAX_PHOTOS = 64


@dataclass(frozen=True)
class Calibration:
    """Inputs in a fixed order, and where they are from.

    Attributes:
        photos: file names.
        inputs: of each network, by its name; of all photos equally many.
    """

    photos: tuple[str, ...]
    inputs: dict[str, tuple[Inputs, ...]]


def calibrate(networks: Mapping[str, Asking], folder: Path) -> Calibration:
    """Ask about the photos of a folder; the same folder gives the same inputs.

    Args:
        networks: by name, what asks each about a photo.
        folder: of photos; of more than MAX_PHOTOS an even selection is used.

    Raises:
        DataError: fewer than MIN_PHOTOS, or one that shows a single colour.
        ImageError: one cannot be read.
        WeightsError: a network answers NaN or infinity.
    """
    names = calibration_photos(folder)
    inputs: dict[str, list[Inputs]] = {network: [] for network in networks}
    for number, name in enumerate(names):
        photo = read_photo(folder / name)
        if (photo == photo[0, 0]).all():
            raise DataError(
                f"{folder / name} shows a single colour, which says nothing about the ranges of "
                "activations; calibrate with photos like those of your app"
            )
        for network, ask in networks.items():
            inputs[network] += map(usable_anywhere, ask(photo, np.random.default_rng(number)))
    return Calibration(tuple(names), {network: tuple(some) for network, some in inputs.items()})


def usable_anywhere(inputs: Inputs) -> Inputs:
    """Copies without the predictor's inference mode, which keeps tensors from being traced."""
    return tuple(tensor.clone() for tensor in inputs)


def calibration_photos(folder: Path) -> list[str]:
    """Names of the photos to use.

    Raises:
        DataError: no folder, or one that cannot be listed or has fewer than MIN_PHOTOS.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name one with {MIN_PHOTOS} or more photos")
    names = [name for name in list_files(folder) if split_name(name)[1] in PHOTO_SUFFIXES]
    if len(names) < MIN_PHOTOS:
        raise DataError(
            f"{folder} has too few photos to see the ranges of activations, {len(names)}; "
            f"calibrate with at least {MIN_PHOTOS}, or leave --calibration out for the shipped ones"
        )
    return spread(names, MAX_PHOTOS)
