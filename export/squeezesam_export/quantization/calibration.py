"""Calibration: the inputs on which the ranges of activations are seen.

Photos need no masks. Each is prompted as a user would prompt it, so that clicks, corrections with a
previous mask, many clicks and boxes all take part; a range that was never seen is a saturated one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from squeezesam.data.listing import PHOTO_SUFFIXES, list_files, split_name
from squeezesam.errors import DataError
from squeezesam.image_io import read_photo
from squeezesam.predictor import SamPredictor
from squeezesam.runtimes import NetworkCallable
from squeezesam.spec import SEGMENTER, NetworkKind, PointLabel
from squeezesam.transforms import Letterbox
from squeezesam_export.finite import finite_only

Inputs = tuple[Tensor, ...]
"""Of one inference, as in squeezesam.spec."""

SHIPPED_PHOTOS = Path(__file__).parent / "photos"
MIN_PHOTOS = 8
MAX_PHOTOS = 64
MANY_CLICKS = 5
MIDDLE = (0.2, 0.8)
"""Where a photo's subject is clicked, as a share of its width and height."""


@dataclass(frozen=True)
class Calibration:
    """Inputs in a fixed order, and where they are from.

    Attributes:
        photos: file names.
        inputs: of the segmenter, several of each photo, of all equally many.
        detector_inputs: of the salient-object detector, one of each photo; none without it.
    """

    photos: tuple[str, ...]
    inputs: tuple[Inputs, ...]
    detector_inputs: tuple[Inputs, ...] = ()

    def inputs_of(self, kind: NetworkKind) -> tuple[Inputs, ...]:
        """Inputs of a kind of network."""
        return self.inputs if kind is SEGMENTER else self.detector_inputs


NO_CALIBRATION = Calibration((), ())


def calibrate(
    model: NetworkCallable, folder: Path, size: int, detector_size: int | None = None
) -> Calibration:
    """Prompt the photos of a folder; the same folder gives the same inputs.

    Args:
        model: in float32; its answers are the previous masks.
        folder: of photos; of more than MAX_PHOTOS an even selection is used.
        size: side of the network input in pixels.
        detector_size: that of the salient-object detector; None without it.

    Raises:
        DataError: fewer than MIN_PHOTOS, or one that shows a single colour.
        ImageError: one cannot be read.
        WeightsError: the network answers NaN or infinity.
    """
    names, checked = calibration_photos(folder), finite_only(model)
    inputs: list[Inputs] = []
    detector_inputs: list[Inputs] = []

    def recorder(*given: Tensor) -> tuple[Tensor, Tensor]:
        inputs.append(given)
        low_res_masks, iou_predictions = checked(*given)
        return low_res_masks, iou_predictions

    predictor = SamPredictor(recorder, size)
    for number, name in enumerate(names):
        photo = read_photo(folder / name)
        if (photo == photo[0, 0]).all():
            raise DataError(
                f"{folder / name} shows a single colour, which says nothing about the ranges of "
                "activations; calibrate with photos like those of your app"
            )
        if detector_size is not None:
            letterbox = Letterbox.fit(photo.shape[1], photo.shape[0], detector_size)
            detector_inputs.append((letterbox.apply(photo),))
        predictor.set_image(photo)
        prompt_variously(predictor, np.random.default_rng(number))
    return Calibration(tuple(names), tuple(map(usable_anywhere, inputs)), tuple(detector_inputs))


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
    count = min(len(names), MAX_PHOTOS)
    return [names[number * len(names) // count] for number in range(count)]


def prompt_variously(predictor: SamPredictor, rng: np.random.Generator) -> None:
    """One click, its correction, many clicks and a box on the current photo."""
    height, width = predictor.original_size
    side = np.array([width, height])

    def clicks(count: int) -> NDArray[np.float64]:
        return np.floor(rng.uniform(*MIDDLE, (count, 2)) * side)

    first, wrong = clicks(1), np.floor(rng.uniform(0, 1, (1, 2)) * side)
    labels = [int(PointLabel.POSITIVE), int(PointLabel.NEGATIVE)]
    *_, low_res_masks = predictor.predict(first, labels[:1], multimask_output=False)
    predictor.predict(np.concatenate([first, wrong]), labels, mask_input=low_res_masks)
    predictor.predict(clicks(MANY_CLICKS), rng.permutation([1, 1, 1, 0, 0]))
    low, high = rng.uniform(0, 0.4, 2), rng.uniform(0.6, 1, 2)
    predictor.predict(box=np.concatenate([low * side, high * side]))
