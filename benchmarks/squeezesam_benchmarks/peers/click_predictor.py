"""One click on a photo through a click network, with Segment Anything's pre- and postprocessing."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from squeezesam.errors import ImageError, PromptError
from squeezesam.image_io import Photo, as_photo
from squeezesam.prompts import check_prompts
from squeezesam.runtimes import NetworkCallable
from squeezesam_benchmarks.peers.click_network import POINT_SLOTS
from squeezesam_export.sam_layouts import normalised_square, sam_feed, sam_frame
from squeezesam_export.sam_onnx import chosen_masks, photo_masks


class ClickPredictor:
    """A `squeezesam.predictor.Predictor` of one click.

    The long side of the photo becomes the side of the network, the rest is padding; masks are
    upsampled to that square, cropped, and upsampled to the photo. EfficientSAM would stretch the
    photo to the square instead, which is as much work.

    Args:
        network: takes and gives what `click_network.ClickNetwork` does.
        side: of its square input in pixels.
    """

    def __init__(self, network: NetworkCallable, side: int) -> None:
        self.network = network
        self.side = side
        self._photo: tuple[int, int, torch.Tensor] | None = None

    def set_image(self, image: Photo) -> None:
        """Take the photo that the next predictions are about; an array is RGB.

        Raises:
            ImageError: no photo of `squeezesam.image_io.Photo`.
        """
        pixels = as_photo(image)
        height, width = pixels.shape[:2]
        square = np.ascontiguousarray(normalised_square(pixels, self.side))
        self._photo = width, height, torch.from_numpy(square)

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """Masks of the click.

        Raises:
            ImageError: no photo is set.
            PromptError: anything else than one click.
        """
        if self._photo is None:
            raise ImageError("no photo is set; call set_image first")
        width, height, square = self._photo
        prompts = check_prompts(point_coords, point_labels, box, width=width, height=height)
        frame = sam_frame(width, height, self.side)
        feed = sam_feed(prompts, frame, None)
        coords, labels = feed["point_coords"], feed["point_labels"]
        if labels.shape[1] != POINT_SLOTS or box is not None or mask_input is not None:
            raise PromptError("these networks are timed with one click; give one and nothing else")
        logits, ious = self.network(square, *map(torch.from_numpy, (coords, labels)))
        all_masks, all_ious = logits[0].numpy(), ious[0].numpy()
        chosen = chosen_masks(all_ious, POINT_SLOTS, multimask_output)
        low_res = all_masks[chosen]
        return photo_masks(low_res, frame, width, height), all_ious[chosen], low_res
