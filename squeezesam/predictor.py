"""The predictor, with segment-anything's API and the same meaning of every argument."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from squeezesam.errors import ArtifactError, ImageError, PromptError
from squeezesam.image_io import Photo, as_photo
from squeezesam.mask_cleanup import DEFAULT_CLEANING, Asked, MaskCleaning, cleaned_logits
from squeezesam.prompts import as_floats, check_prompts, encode_prompts, prompt_slots
from squeezesam.runtimes import NetworkCallable, input_side
from squeezesam.spec import MAP_STRIDE
from squeezesam.transforms import Letterbox


class Predictor(Protocol):
    """Anything that answers prompts on a photo: our networks, other SAMs, classical methods."""

    def set_image(self, image: Photo) -> None:
        """Take the photo that the next predictions are about; an array is RGB."""

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """Masks [C, H, W] bool, iou_predictions [C] and low_res_masks; see `SamPredictor`.

        A low_res_mask may be given back as `mask_input` of the next call on the same photo.
        """


@dataclass(frozen=True, eq=False)
class SetPhoto:
    """A photo that predictions are about.

    Attributes:
        letterbox: how it lies in the network's input.
        image: that input, [1, 3, size, size].
    """

    letterbox: Letterbox
    image: torch.Tensor


class SamPredictor:
    """Masks for one photo after another.

    Threads may share a predictor: each answer is about one photo as a whole, the one that was set
    last when `predict` was called. Threads that each have a photo of their own need a predictor
    each; those may share the network.

    Args:
        model: a PyTorch network or any exported artifact (`squeezesam.runtimes.load_network`).
        size: side of the model's square input in pixels; None where the model says it itself.
        cleaning: how masks are cleaned (`squeezesam.mask_cleanup`); None leaves them as the
            network gives them.
    """

    def __init__(
        self,
        model: NetworkCallable,
        size: int | None = None,
        cleaning: MaskCleaning | None = DEFAULT_CLEANING,
    ) -> None:
        self.model, self.cleaning = model, cleaning
        self.size = input_side(model, size)
        self.reset_image()

    def reset_image(self) -> None:
        """Forget the photo."""
        self._photo: SetPhoto | None = None

    @property
    def is_image_set(self) -> bool:
        """Whether there is a photo to predict on."""
        return self._photo is not None

    @property
    def original_size(self) -> tuple[int, int]:
        """Height and width of the photo.

        Raises:
            ImageError: no photo is set.
        """
        letterbox = self._current_photo().letterbox
        return letterbox.height, letterbox.width

    def set_image(self, image: Photo, image_format: Literal["RGB", "BGR"] = "RGB") -> None:
        """Take the photo that the next predictions are about.

        Args:
            image: [H, W, 3] uint8, a Pillow image, or the path of a photo.
            image_format: order of an array's channels.

        Raises:
            ImageError: another type, shape or channel order, or the photo cannot be read.
        """
        if image_format not in ("RGB", "BGR"):
            raise ImageError(f"unknown image_format {image_format!r}; use 'RGB' or 'BGR'")
        if image_format == "BGR" and not isinstance(image, np.ndarray):
            raise ImageError("image_format 'BGR' is about arrays; leave it out for this photo")
        pixels = as_photo(image)
        height, width = pixels.shape[:2]
        letterbox = Letterbox.fit(width, height, self.size)
        rgb = pixels if image_format == "RGB" else pixels[..., ::-1]
        self._photo = SetPhoto(letterbox, letterbox.apply(rgb))

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """Masks of what the prompts mean on the photo.

        Args:
            point_coords: [N, 2] clicks (x, y) in photo pixels.
            point_labels: [N], 1 for the object, 0 for background, -1 for a slot to ignore.
            box: [4] or [1, 4] (x0, y0, x1, y1) in photo pixels.
            mask_input: [size/2, size/2] or [1, size/2, size/2] logits, one of `low_res_masks` of an
                earlier prediction.
            multimask_output: three alternative masks instead of the one whole object.
            return_logits: masks as logits instead of booleans.

        Returns:
            masks [C, H, W] bool (float32 logits with `return_logits`), iou_predictions [C] and
            low_res_masks [C, size/2, size/2] logits, with C = 3 or 1. Masks and low_res_masks are
            cleaned, each for itself; iou_predictions are the network's.

        Raises:
            ImageError: no photo is set.
            PromptError: no prompt, or one that has no meaning on this photo.
            ArtifactError: the network answers NaN or infinity.
        """
        return self._predict_on(
            self._current_photo(),
            point_coords,
            point_labels,
            box,
            mask_input,
            multimask_output,
            return_logits,
        )

    def _predict_on(
        self,
        photo: SetPhoto,
        point_coords: ArrayLike | None,
        point_labels: ArrayLike | None,
        box: ArrayLike | None,
        mask_input: ArrayLike | None,
        multimask_output: bool,
        return_logits: bool,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """As `predict`, on a photo that another thread may replace meanwhile."""
        letterbox = photo.letterbox
        prompts = check_prompts(
            point_coords, point_labels, box, width=letterbox.width, height=letterbox.height
        )
        if not len(prompts.coords) and prompts.box is None and mask_input is None:
            raise PromptError("no prompt; give at least one click, a box or an earlier mask")
        coords, labels = prompt_slots(prompts, letterbox.scale)
        previous = None if mask_input is None else self._previous_mask(mask_input)
        with torch.inference_mode():
            prompt_maps, prompt_tokens = encode_prompts(coords, labels, previous, self.size)
            all_masks, all_ious = self.model(photo.image, prompt_maps, prompt_tokens)
        chosen = slice(1, None) if multimask_output else slice(0, 1)
        low_res_masks, ious = all_masks[0, chosen].numpy(), all_ious[0, chosen].numpy()
        if not np.isfinite(low_res_masks).all():
            raise ArtifactError(
                "the network answers NaN or infinity; use other weights or precision"
            )
        if self.cleaning is not None:
            earlier = None if previous is None else previous[0, 0].numpy()
            asked = Asked.of(prompts, earlier, letterbox)
            low_res_masks = cleaned_logits(low_res_masks, asked, letterbox, self.cleaning)
        upsample = letterbox.photo_logits if return_logits else letterbox.photo_masks
        return upsample(low_res_masks), ious, low_res_masks

    def photo_alphas(self, low_res_masks: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Opacity of soft cut-outs of the photo: [C, H, W] bytes.

        Args:
            low_res_masks: [C, size/2, size/2], as `predict` gives them for this photo.

        Raises:
            ImageError: no photo is set.
        """
        return self._current_photo().letterbox.photo_alphas(low_res_masks)

    def _current_photo(self) -> SetPhoto:
        photo = self._photo
        if photo is None:
            raise ImageError("no photo is set; call set_image first")
        return photo

    def _previous_mask(self, mask_input: ArrayLike) -> torch.Tensor:
        side = self.size // MAP_STRIDE
        logits = as_floats("mask_input", mask_input, (1, side, side))
        return torch.from_numpy(logits)[None]
