"""A torch function as a predictor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from squeezesam.errors import ImageError
from squeezesam.image_io import Photo, as_photo
from squeezesam.prompts import check_prompts
from squeezesam.spec import MASK_THRESHOLD, PointLabel

TorchSegmenter = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(image, point_coords, point_labels) -> (mask logits, IoU predictions).

`image` [3, H, W] is uint8 RGB and stays the same object while the photo does, so that an encoding
may be kept; `point_coords` [N, 2] are (x, y) in photo pixels; `point_labels` [N] are codes of
`PointLabel`, the corners of a box among them. The logits [C, h, w] cover the whole photo at any
resolution; the IoUs are [C].
"""


class TorchPredictor:
    """A `squeezesam.predictor.Predictor` made of a torch function; it knows no earlier mask."""

    def __init__(self, segment: TorchSegmenter) -> None:
        self.segment = segment
        self._image: Tensor | None = None

    def set_image(self, image: Photo) -> None:
        """Take the photo that the next predictions are about; an array is RGB.

        Raises:
            ImageError: no photo of `squeezesam.image_io.Photo`.
        """
        self._image = torch.from_numpy(as_photo(image).transpose(2, 0, 1).copy())

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,  # noqa: ARG002
        multimask_output: bool = True,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """Masks [C, H, W] bool, iou_predictions [C] and low_res_masks [C, h, w].

        Without `multimask_output` the one of the highest predicted IoU.

        Raises:
            ImageError: no photo is set.
            PromptError: a prompt has no meaning on this photo.
        """
        if self._image is None:
            raise ImageError("no photo is set; call set_image first")
        height, width = self._image.shape[1:]
        prompts = check_prompts(point_coords, point_labels, box, width=width, height=height)
        coords, labels = prompts.coords, prompts.labels.tolist()
        if prompts.box is not None:
            coords = np.concatenate([coords, prompts.box.reshape(2, 2)])
            labels += [PointLabel.BOX_TOP_LEFT, PointLabel.BOX_BOTTOM_RIGHT]
        with torch.inference_mode():
            logits, ious = self.segment(
                self._image, torch.from_numpy(coords), torch.tensor(labels, dtype=torch.int64)
            )
            if not multimask_output:
                best = ious.argmax(dim=0, keepdim=True)
                logits, ious = logits[best], ious[best]
            logits, ious = logits.float().cpu(), ious.float().cpu()
            upsampled = F.interpolate(logits[None], (height, width), mode="bilinear")[0]
        return (upsampled > MASK_THRESHOLD).numpy(), ious.numpy(), logits.numpy()
