"""What PyTorch's salient-object detector finds in a golden photo, for others to find again."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from squeezesam.runtimes import DetectorCallable
from squeezesam.saliency.clicks import DEFAULT_SAMPLING, Pixel
from squeezesam.saliency.predictor import Finding, find, heat_bytes
from squeezesam.spec import PIXEL_MEAN, PIXEL_SCALE, SALIENCY_LOGITS, PointLabel
from squeezesam.transforms import Letterbox
from squeezesam_export.finite import finite_only
from squeezesam_export.manifest import Click, GoldenCase, SalientGolden

HEAT = "heat"
DETECTOR_IMAGE = "detector_image"
CASE = "most prominent object"


@dataclass(frozen=True)
class Detected:
    """A golden photo and PyTorch's answer to it.

    Attributes:
        name: of the photo.
        inputs: `image`.
        letterbox: of the photo.
        saliency_logits: as in squeezesam.spec.
    """

    name: str
    inputs: tuple[Tensor]
    letterbox: Letterbox
    saliency_logits: Tensor

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """In the order of the kind."""
        return (self.saliency_logits,)

    def found(self, logits: Tensor) -> Finding:
        """What an answer [1, 1, S/4, S/4] finds in the photo."""
        return find(logits, self.letterbox, DEFAULT_SAMPLING)

    def mask_input(self, logits: Tensor, photo: Letterbox) -> Tensor:
        """An answer as an earlier mask [1, 1, P/2, P/2] in the segmenter's input of P pixels."""
        return torch.from_numpy(self.found(logits).mask_input(photo))[None]

    def masks(self, logits: Tensor) -> Tensor:
        """Which pixels of the photo are hot in an answer: [1, 1, h, w]."""
        heat = torch.from_numpy(heat_bytes(logits[0, 0].numpy(), self.letterbox))
        return (heat >= DEFAULT_SAMPLING.threshold)[None, None]

    def click_distance(self, logits: Tensor) -> float:
        """Pixels of the heat map between clicks, as `manifest.Parity` says."""
        ours, theirs = (
            heat_clicks(self.found(answer)) for answer in (self.saliency_logits, logits)
        )
        if len(ours) != len(theirs):
            return math.hypot(*self.letterbox.heat_size)
        return max(map(math.dist, ours, theirs), default=0.0)

    def answered(self, outputs: Sequence[Tensor]) -> Self:
        """The same photo with another network's answer."""
        (saliency_logits,) = outputs
        return dataclasses.replace(self, saliency_logits=saliency_logits)

    def cases(self) -> tuple[GoldenCase, ...]:
        """PyTorch's clicks as a case for the segmenter; none where nothing stands out."""
        return self.cases_of(self.saliency_logits)

    def cases_of(self, logits: Tensor) -> tuple[GoldenCase, ...]:
        """Likewise those that an answer [1, 1, S/4, S/4] finds."""
        coords = self.found(logits).coords
        clicks = tuple(Click(int(x), int(y), PointLabel.POSITIVE) for x, y in coords)
        return (GoldenCase(CASE, clicks, None, SALIENCY_LOGITS),) if clicks else ()

    def record(self) -> SalientGolden:
        """For the manifest."""
        clicks = heat_clicks(self.found(self.saliency_logits))
        return SalientGolden(tuple(map(tuple, clicks)), CASE if clicks else None)

    def arrays(self) -> dict[str, Any]:
        """For the golden file."""
        return {
            DETECTOR_IMAGE: image_bytes(self.inputs[0]),
            SALIENCY_LOGITS: self.saliency_logits,
            HEAT: self.found(self.saliency_logits).heat,
        }


def image_bytes(image: Tensor) -> Tensor:
    """A network's input [1, 3, S, S] as the bytes that it was made from."""
    return (image / PIXEL_SCALE + PIXEL_MEAN).round().to(torch.uint8)


def detect(detector: DetectorCallable, name: str, image: Tensor, letterbox: Letterbox) -> Detected:
    """Ask a detector in float32.

    Raises:
        WeightsError: its answer is NaN or infinity.
    """
    with torch.inference_mode():
        return Detected(name, (image,), letterbox, finite_only(detector)(image))


def heat_clicks(finding: Finding) -> tuple[Pixel, ...]:
    """Clicks in pixels of the heat map."""
    return () if finding.salient is None else finding.salient.clicks
