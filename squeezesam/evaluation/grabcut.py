"""OpenCV's GrabCut as a baseline: what everyone can have without a network (Rother et al. 2004).

How prompts become its four labels:

- Clicks are discs of surely the object or surely not; where two overlap the later one wins.
- A box: outside it surely not the object, inside it probably.
- Clicks without a box: probably the object within REACH of a positive click, as far as no negative
  click is nearer; probably not elsewhere.

Of the answer to positive clicks only the regions under them are kept. Each prediction starts anew
from all clicks: going on from the earlier mask, GrabCut learns its colours from it and hardly gets
away from a bad start.
"""

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from squeezesam.errors import ConfigError, ImageError, MissingDependencyError, PromptError
from squeezesam.evaluation.measures import Mask, regions_at
from squeezesam.image_io import Photo, as_photo
from squeezesam.inference.predictor import Predictor
from squeezesam.inference.prompts import Prompts, check_prompts
from squeezesam.spec import PointLabel

CLICK_RADIUS = 0.01
REACH = 0.12
"""Radii of a click's disc and of what is probably the object, over the photo's long side."""

ITERATIONS = 5
SEED = 0

Labels = NDArray[np.uint8]
BACKGROUND, FOREGROUND, PROBABLE_BACKGROUND, PROBABLE_FOREGROUND = map(np.uint8, range(4))
"""OpenCV's GC_BGD, GC_FGD, GC_PR_BGD and GC_PR_FGD."""


def grabcut_baseline(argument: str | None) -> Predictor:
    """The baseline for `squeezesam eval --baseline grabcut`.

    Raises:
        ConfigError: it was given an argument.
        MissingDependencyError: OpenCV is not installed.
    """
    if argument is not None:
        raise ConfigError(f"the baseline grabcut takes no argument, got {argument!r}; leave it out")
    return GrabCutPredictor(_opencv())


class GrabCutPredictor:
    """GrabCut with the API of `SamPredictor`; deterministic."""

    def __init__(self, cv2: ModuleType) -> None:
        self._cv2 = cv2
        self._photo: NDArray[np.uint8] | None = None

    def set_image(self, image: Photo) -> None:
        """Take the photo that the next predictions are about; an array is RGB.

        Raises:
            ImageError: no photo of `squeezesam.image_io.Photo`.
        """
        # To GrabCut colours are points in space: the order of the channels does not matter.
        self._photo = np.ascontiguousarray(as_photo(image))

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,  # noqa: ARG002
        multimask_output: bool = True,  # noqa: ARG002
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
        """The one mask [1, H, W], NaN as its unknown IoU [1], and the mask as -1 and 1 [1, H, W].

        An earlier mask makes no difference.

        Raises:
            ImageError: no photo is set.
            PromptError: neither click nor box, or one that has no meaning on this photo.
        """
        if self._photo is None:
            raise ImageError("no photo is set; call set_image first")
        height, width = self._photo.shape[:2]
        prompts = check_prompts(point_coords, point_labels, box, width=width, height=height)
        if not len(prompts.coords) and prompts.box is None:
            raise PromptError("GrabCut starts from clicks or a box; give at least one")
        mask = self._cut(self._photo, initial_labels(prompts, height, width))
        clicked = prompts.coords[prompts.labels == PointLabel.POSITIVE].astype(int)
        if len(clicked):
            mask = regions_at(mask, clicked)
        signed = np.where(mask, np.float32(1), np.float32(-1))
        return mask[None], np.full(1, np.nan, np.float32), signed[None]

    def _cut(self, photo: NDArray[np.uint8], labels: Labels) -> Mask:
        inside = is_foreground(labels)
        if inside.all() or not inside.any():
            return inside  # GrabCut needs pixels of both kinds to learn their colours from.
        self._cv2.setRNGSeed(SEED)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        mode = self._cv2.GC_INIT_WITH_MASK
        self._cv2.grabCut(photo, labels, None, *models, ITERATIONS, mode)
        return is_foreground(labels)


def is_foreground(labels: Labels) -> Mask:
    """Where the labels say the object, surely or probably."""
    return (labels == FOREGROUND) | (labels == PROBABLE_FOREGROUND)


def initial_labels(prompts: Prompts, height: int, width: int) -> Labels:
    """What GrabCut starts from, [H, W]; see the module's rules.

    Args:
        prompts: at least one click or a box, in photo pixels.
        height: height of the photo in pixels.
        width: width of the photo in pixels.
    """
    if prompts.box is not None:
        labels = np.full((height, width), BACKGROUND)
        left, top, right, bottom = np.rint(prompts.box).astype(int)
        labels[top:bottom, left:right] = PROBABLE_FOREGROUND
    else:
        to_positive, to_negative = (
            distance_to_nearest(prompts.coords[prompts.labels == label], height, width)
            for label in (PointLabel.POSITIVE, PointLabel.NEGATIVE)
        )
        probable = (to_positive <= REACH * max(height, width)) & (to_positive <= to_negative)
        labels = np.where(probable, PROBABLE_FOREGROUND, PROBABLE_BACKGROUND)
    for place, label in zip(prompts.coords, prompts.labels, strict=True):
        disc = distance_to_nearest(place[None], height, width) <= click_radius(height, width)
        labels[disc] = FOREGROUND if label == PointLabel.POSITIVE else BACKGROUND
    return labels


def click_radius(height: int, width: int) -> float:
    """Radius of a click's disc in pixels; at least 1, so that a disc is never a single pixel."""
    return max(1.0, CLICK_RADIUS * max(height, width))


def distance_to_nearest(
    points: NDArray[np.float32], height: int, width: int
) -> NDArray[np.float32]:
    """Distance from each pixel to the nearest point (x, y) of [N, 2]: [H, W], inf for N = 0."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.full((height, width), np.inf, np.float32)
    for column, row in points:
        np.minimum(distance, np.hypot(x - column, y - row), out=distance)
    return distance


def _opencv() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            "the baseline grabcut needs OpenCV; pip install 'squeezesam[eval]'"
        ) from error
    return cv2
