"""The predictor that needs no click: the most prominent object first, then edits as ever."""

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from squeezesam.errors import ArtifactError, NoSalientObjectError
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.load import DetectorCallable, NetworkCallable, check_role, input_side
from squeezesam.inference.looks import DEFAULT_LOOKING, Looking, View, onto_view
from squeezesam.inference.mask_cleanup import DEFAULT_CLEANING, MaskCleaning
from squeezesam.inference.predictor import MaskAnswer, MaskArrays, SamPredictor, SetPhoto, as_arrays
from squeezesam.inference.prompts import as_floats
from squeezesam.inference.saliency_prompt import (
    DEFAULT_SAMPLING,
    ClickSampling,
    Heat,
    SalientObject,
    find_salient_object,
)
from squeezesam.spec import DETECTOR, MAP_STRIDE, SALIENCY_STRIDE, PointLabel

HEAT_LEVELS = 255


@dataclass(frozen=True)
class SalientFinding:
    """What stands out in a photo.

    Attributes:
        heat: [h, w] bytes, the part of the heat map that lies on the photo.
        salient: blob and clicks in pixels of the heat map; None where nothing stands out.
        coords: [5, 2] (x, y), the same clicks in photo pixels; [0, 2] where nothing stands out.
        saliency_logits: [1, 1, size/4, size/4], as the detector gives them.
        letterbox: of the photo in the detector's input.
    """

    heat: Heat
    salient: SalientObject | None
    coords: NDArray[np.float32]
    saliency_logits: Tensor
    letterbox: Letterbox

    @property
    def labels(self) -> NDArray[np.int64]:
        """Of `coords`: all positive."""
        return np.full(len(self.coords), int(PointLabel.POSITIVE))

    def mask_input(self, photo: Letterbox) -> NDArray[np.float32]:
        """The heat map as an earlier mask of the photo: [1, S/2, S/2] logits.

        Args:
            photo: letterbox of the photo in the segmenter's input, of S pixels.
        """
        whole = View.whole(photo.width, photo.height)
        logits = at_mask_size(self.saliency_logits)[0, 0].numpy()
        return onto_view(logits, self.letterbox, whole, photo)[None]


class SaliencyPredictor(SamPredictor):
    """A `SamPredictor` that answers with the most prominent object when it is asked nothing.

    Args:
        model: as of `SamPredictor`.
        detector: the salient-object detector, PyTorch's or any exported one
            (`squeezesam.load`).
        size: side of the model's square input in pixels; None where it says it itself.
        detector_size: likewise of the detector's.
        sampling: how clicks are found in the heat map.
        cleaning: as of `SamPredictor`.
        looking: as of `SamPredictor`.

    Raises:
        ConfigError: one is in the other's place.
    """

    def __init__(
        self,
        model: NetworkCallable,
        detector: DetectorCallable,
        size: int | None = None,
        detector_size: int | None = None,
        sampling: ClickSampling = DEFAULT_SAMPLING,
        cleaning: MaskCleaning | None = DEFAULT_CLEANING,
        looking: Looking | None = DEFAULT_LOOKING,
    ) -> None:
        self.detector, self.sampling = detector, sampling
        self.detector_size = input_side(detector, detector_size, DETECTOR)
        self._detecting = threading.Lock()
        self._findings: WeakKeyDictionary[SetPhoto, SalientFinding] = WeakKeyDictionary()
        super().__init__(model, size, cleaning, looking)
        check_role("detector", detector, DETECTOR)

    @property
    def finding(self) -> SalientFinding:
        """What stands out in the photo; the detector runs once for each photo.

        Raises:
            ImageError: no photo is set.
            ArtifactError: the detector answers NaN or infinity.
        """
        return self._finding_on(self._current_photo())

    def _finding_on(self, photo: SetPhoto) -> SalientFinding:
        """What stands out in a photo that was set; the first thread that asks has it found."""
        with self._detecting:
            finding = self._findings.get(photo)
            if finding is None:
                whole = photo.letterbox
                letterbox = Letterbox.fit(whole.width, whole.height, self.detector_size)
                with torch.inference_mode():
                    logits = self.detector(letterbox.apply(photo.pixels))
                if not logits.isfinite().all():
                    raise ArtifactError(
                        "the detector answers NaN or infinity; use other weights or precision"
                    )
                finding = find(logits, letterbox, self.sampling)
                self._findings[photo] = finding
        return finding

    def answer(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
    ) -> MaskAnswer:
        """What the prompts mean; without any, the most prominent object.

        Arguments, answers and errors are those of `SamPredictor.answer`.

        Raises:
            NoSalientObjectError: nothing is asked, and nothing stands out in the photo.
        """
        photo = self._current_photo()
        if point_coords is None and point_labels is None and box is None and mask_input is None:
            finding = self._finding_on(photo)
            if finding.salient is None:
                raise NoSalientObjectError(
                    "nothing in this photo stands out; click on what you mean, or draw a box"
                )
            point_coords, point_labels = finding.coords, finding.labels
            if self.prompting.looks_closer:
                mask_input = finding.mask_input(photo.letterbox)
        return self._answer_on(photo, point_coords, point_labels, box, mask_input, multimask_output)

    def edit(
        self,
        point_coords: ArrayLike,
        point_labels: ArrayLike,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = False,
        return_logits: bool = False,
    ) -> MaskArrays:
        """Correct the automatic mask: its own clicks, then yours, and the mask so far.

        Args:
            point_coords: [N, 2], all clicks of the user so far, in photo pixels.
            point_labels: [N], 1 for the object, 0 for background.
            mask_input: low_res_masks [1, size/2, size/2] of the automatic answer or the last edit;
                None where there is none.
            multimask_output: as in `predict`.
            return_logits: as in `predict`.

        Raises:
            ImageError, PromptError, ArtifactError: as `SamPredictor.predict` does.
        """
        places = as_floats("point_coords", point_coords, (None, 2))
        codes = as_floats("point_labels", point_labels, (len(places),))
        photo = self._current_photo()
        finding = self._finding_on(photo)
        coords = np.concatenate([finding.coords, places])
        labels = np.concatenate([finding.labels, codes])
        answer = self._answer_on(photo, coords, labels, None, mask_input, multimask_output)
        return as_arrays(answer, return_logits)


def find(saliency_logits: Tensor, letterbox: Letterbox, sampling: ClickSampling) -> SalientFinding:
    """From the detector's answer to clicks in a photo.

    Args:
        saliency_logits: [1, 1, size/4, size/4].
        letterbox: of the photo in the detector's input.
        sampling: how clicks are found.
    """
    heat = heat_bytes(saliency_logits[0, 0].numpy(), letterbox)
    salient = find_salient_object(heat, sampling)
    clicks = () if salient is None else salient.clicks
    coords = [letterbox.photo_pixel(click.x, click.y) for click in clicks]
    places = np.array(coords, np.float32).reshape(-1, 2)
    return SalientFinding(heat, salient, places, saliency_logits, letterbox)


def at_mask_size(saliency_logits: Tensor) -> Tensor:
    """Enlarge [B, 1, size/4, size/4] bilinearly to the size of masks: [B, 1, size/2, size/2]."""
    scale = SALIENCY_STRIDE / MAP_STRIDE
    return F.interpolate(saliency_logits, scale_factor=scale, mode="bilinear")


def heat_bytes(logits: NDArray[np.float32], letterbox: Letterbox) -> Heat:
    """The heat map on the photo: [size/4, size/4] logits -> [h, w] bytes."""
    columns, rows = letterbox.heat_size
    return as_bytes(chances(logits[:rows, :columns]))


def chances(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """The sigmoid, in a form that overflows at no logit."""
    return (1 + np.tanh(logits.astype(np.float64) / 2)) / 2


def as_bytes(heat: NDArray[np.float64]) -> Heat:
    """A heat map in 0..1 as bytes; halves go up."""
    return np.floor(HEAT_LEVELS * heat + 0.5).astype(np.uint8)
