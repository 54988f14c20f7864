"""The predictor, with segment-anything's API and the same meaning of every argument."""

import os
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from squeezesam.errors import ArtifactError, ImageError, SqueezeSamError
from squeezesam.image_io import Photo, as_photo
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.load import NetworkCallable, check_role, input_side
from squeezesam.inference.looks import (
    DEFAULT_LOOKING,
    Looking,
    View,
    onto_photo,
    onto_view,
    surroundings,
)
from squeezesam.inference.mask_cleanup import DEFAULT_CLEANING, MaskCleaning, Wanted, cleaned_logits
from squeezesam.inference.prompting import prompting_of
from squeezesam.inference.prompts import (
    Prompts,
    as_floats,
    check_asks,
    check_prompts,
    split_queries,
)
from squeezesam.spec import MASK_THRESHOLD, OUTSIDE_LOGIT, SEGMENTER, PointLabel

Scalar = TypeVar("Scalar", bound=np.generic)
MaskArrays = tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]
"""masks or logits, iou_predictions and low_res_masks, as `Predictor.predict` gives them."""


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
    ) -> MaskArrays:
        """Masks [C, H, W] bool, iou_predictions [C] and low_res_masks; see `SamPredictor`.

        A low_res_mask may be given back as `mask_input` of the next call on the same photo.
        """


@runtime_checkable
class LowResPredictor(Predictor, Protocol):
    """A predictor whose answers can be judged before they are brought to the size of the photo."""

    def predict_low_res(
        self, point_coords: ArrayLike, point_labels: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The iou_predictions [C] and low_res_masks [C, h, w] that `predict` gives."""


@dataclass(frozen=True, eq=False)
class SetPhoto:
    """A photo that predictions are about.

    Attributes:
        pixels: [H, W, 3] uint8, RGB.
        letterbox: how all of it lies in the network's input.
        image: that input, [1, 3, size, size].
    """

    pixels: NDArray[np.uint8]
    letterbox: Letterbox
    image: torch.Tensor


@dataclass(frozen=True)
class MaskAnswer:
    """Masks as a look at a part of a photo gives them.

    Attributes:
        logits: [C, size/2, size/2] of the view, cleaned.
        iou_predictions: [C].
        view: what was looked at.
        letterbox: of the view.
        photo: letterbox of the whole photo.
    """

    logits: NDArray[np.float32]
    iou_predictions: NDArray[np.float32]
    view: View
    letterbox: Letterbox
    photo: Letterbox

    @property
    def low_res_masks(self) -> NDArray[np.float32]:
        """Logits [C, size/2, size/2] of the masks of the whole photo."""
        if self.view.is_whole(self.photo):
            return self.logits
        return onto_photo(self.logits, self.view, self.letterbox, self.photo)

    def photo_masks(self) -> NDArray[np.bool_]:
        """Masks [C, H, W] of the photo."""
        return self._on_photo(self.letterbox.photo_masks(self.logits), False)

    def photo_logits(self) -> NDArray[np.float32]:
        """Logits [C, H, W] of the photo."""
        return self._on_photo(self.letterbox.photo_logits(self.logits), OUTSIDE_LOGIT)

    def photo_alphas(self) -> NDArray[np.uint8]:
        """Opacity of soft cut-outs of the photo: [C, H, W] bytes."""
        return self._on_photo(self.letterbox.photo_alphas(self.logits), 0)

    def _on_photo(self, part: NDArray[Scalar], outside: float) -> NDArray[Scalar]:
        view = self.view
        if part.shape[1:] == (self.photo.height, self.photo.width):
            return part
        whole = np.full((len(part), self.photo.height, self.photo.width), outside, part.dtype)
        columns = slice(view.left, view.left + view.width)
        whole[:, view.top : view.top + view.height, columns] = part
        return whole


class SamPredictor:
    """Masks for one photo after another.

    Threads may share a predictor: each answer is about one photo as a whole, the one that was set
    last when `predict` was called. Threads that each have a photo of their own need a predictor
    each; those may share the network.

    Args:
        model: a PyTorch network or any exported artifact (`squeezesam.load`).
        size: side of the model's square input in pixels; None where the model says it itself.
        cleaning: how masks are cleaned (`squeezesam.inference.mask_cleanup`); None leaves them
            as the network gives them.
        looking: how close the second look is (`squeezesam.inference.looks`); None looks once,
            at the whole photo, as do all networks but SqueezeSAM.

    Raises:
        ConfigError: the model is a network of another kind.
    """

    def __init__(
        self,
        model: NetworkCallable,
        size: int | None = None,
        cleaning: MaskCleaning | None = DEFAULT_CLEANING,
        looking: Looking | None = DEFAULT_LOOKING,
    ) -> None:
        check_role("model", model, SEGMENTER)
        kind = getattr(model, "kind", SEGMENTER)
        self.prompting = prompting_of(kind)
        self.model, self.cleaning = model, cleaning
        self.looking = looking if self.prompting.looks_closer else None
        self.size = input_side(model, size, kind)
        self.reset_image()

    @property
    def labels(self) -> frozenset[PointLabel]:
        """Labels of clicks that the network was trained with."""
        return self.prompting.labels

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

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The photo, RGB [H, W, 3]; not to be written to.

        Raises:
            ImageError: no photo is set.
        """
        return self._current_photo().pixels

    def set_image(self, image: Photo, image_format: Literal["RGB", "BGR"] = "RGB") -> None:
        """Take the photo that the next predictions are about.

        Args:
            image: [H, W, 3] uint8, an array or a tensor on the CPU; a Pillow image, or the path of
                a photo.
            image_format: order of an array's channels.

        Raises:
            ImageError: another type, shape or channel order, or the photo cannot be read; then no
                photo is set.
        """
        if image_format not in ("RGB", "BGR"):
            raise ImageError(f"unknown image_format {image_format!r}; use 'RGB' or 'BGR'")
        is_read = isinstance(image, str | os.PathLike | Image.Image)
        if image_format == "BGR" and is_read:
            raise ImageError("image_format 'BGR' is about arrays; leave it out for this photo")
        try:
            pixels = as_photo(image)
        except SqueezeSamError:
            self._photo = None  # rather than answers about the photo before
            raise
        height, width = pixels.shape[:2]
        letterbox = self.prompting.frame.fit(width, height, self.size)
        rgb = pixels if image_format == "RGB" else pixels[..., ::-1]
        # Later looks read it again, and the caller's array may have changed by then.
        own = rgb if is_read else np.array(rgb, order="C")
        self._photo = SetPhoto(own, letterbox, letterbox.apply(own))

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> MaskArrays:
        """Masks of what the prompts mean on the photo.

        Several queries on one photo, such as the boxes of an object detector, are given at once:
        every prompt has one more axis in front, of the same length B, as in SAM 2. Each query is
        answered as it would be alone.

        Args:
            point_coords: [N, 2] clicks (x, y) in photo pixels, or [B, N, 2].
            point_labels: [N], 1 for the object, 0 for background, -1 for a slot to ignore; or
                [B, N]. EfficientSAM and the early SqueezeSAM were trained without background clicks
                and take none.
            box: [4] or [1, 4] (x0, y0, x1, y1) in photo pixels, or [B, 4].
            mask_input: [size/2, size/2] or [1, size/2, size/2] logits, one of `low_res_masks` of an
                earlier prediction; or [B, 1, size/2, size/2]. For EfficientSAM and the early
                SqueezeSAM it is no prompt: it only tells the cleaning what is wanted. Masks of
                EfficientSAM and of the Segment Anything family have a side of size/4.
            multimask_output: three alternative masks instead of the one whole object, which
                EfficientSAM and the early SqueezeSAM choose by their predicted IoUs.
            return_logits: masks as logits instead of booleans.

        Returns:
            masks [C, H, W] bool (float32 logits with `return_logits`), iou_predictions [C] and
            low_res_masks [C, size/2, size/2] logits of the whole photo, with C = 3 or 1. Masks and
            low_res_masks are cleaned, each for itself; iou_predictions are the network's. Of B > 1
            queries, all three have an axis of length B in front.

        Raises:
            ImageError: no photo is set.
            PromptError: no prompt, negative clicks alone, a prompt that has no meaning on this
                photo, or prompts for different numbers of queries.
            ArtifactError: the network answers NaN or infinity.
        """
        queries = split_queries(point_coords, point_labels, box, mask_input)
        if queries is None:
            answer = self.answer(point_coords, point_labels, box, mask_input, multimask_output)
            return as_arrays(answer, return_logits)
        photo = self._current_photo()
        answers = [
            as_arrays(self._answer_on(photo, *query, multimask_output), return_logits)
            for query in queries
        ]
        masks, ious, low_res_masks = zip(*answers, strict=True)
        return np.stack(masks), np.stack(ious), np.stack(low_res_masks)

    def answer(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
    ) -> MaskAnswer:
        """As `predict`, before the masks are brought to the size of the photo.

        Raises:
            ImageError, PromptError, ArtifactError: as `predict` does.
        """
        photo = self._current_photo()
        return self._answer_on(photo, point_coords, point_labels, box, mask_input, multimask_output)

    def predict_low_res(
        self, point_coords: ArrayLike, point_labels: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The iou_predictions [C] and low_res_masks [C, size/2, size/2] that `predict` gives.

        Raises:
            ImageError, PromptError, ArtifactError: as `predict` does.
        """
        answer = self.answer(point_coords, point_labels)
        return answer.iou_predictions, answer.low_res_masks

    def _answer_on(
        self,
        photo: SetPhoto,
        point_coords: ArrayLike | None,
        point_labels: ArrayLike | None,
        box: ArrayLike | None,
        mask_input: ArrayLike | None,
        multimask_output: bool,
    ) -> MaskAnswer:
        """As `answer`, on a photo that another thread may replace meanwhile."""
        whole = photo.letterbox
        prompts = check_prompts(
            point_coords, point_labels, box, width=whole.width, height=whole.height
        )
        self.prompting.check(prompts)
        if mask_input is None or not self.prompting.takes_masks:
            check_asks(prompts, self.prompting.takes_masks)
        previous = None if mask_input is None else self._previous_mask(mask_input, whole)
        if self.looking is None:
            logits, ious = self._look(photo.image, prompts, previous, whole, multimask_output)
            return MaskAnswer(logits, ious, View.whole(whole.width, whole.height), whole, whole)
        if previous is None:
            (previous,), _ = self._look(photo.image, prompts, None, whole, False)
        return self._closer(photo, prompts, previous, multimask_output, self.looking)

    def _closer(
        self,
        photo: SetPhoto,
        prompts: Prompts,
        mask: NDArray[np.float32],
        multimask_output: bool,
        looking: Looking,
    ) -> MaskAnswer:
        """The closer look at what a mask [size/2, size/2] of the photo has found."""
        whole = photo.letterbox
        columns, rows = whole.mask_size
        found = mask[:rows, :columns] > MASK_THRESHOLD
        view = surroundings(found, prompts, whole, looking)
        letterbox = self.prompting.frame.fit(view.width, view.height, self.size)
        previous = onto_view(mask, whole, view, letterbox)
        image = photo.image if view.is_whole(whole) else letterbox.apply(view.shown(photo.pixels))
        logits, ious = self._look(image, view.moved(prompts), previous, letterbox, multimask_output)
        return MaskAnswer(logits, ious, view, letterbox, whole)

    def _look(
        self,
        image: torch.Tensor,
        prompts: Prompts,
        previous: NDArray[np.float32] | None,
        letterbox: Letterbox,
        multimask_output: bool,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cleaned logits [C, size/2, size/2] and predicted IoUs [C] of one inference."""
        before = None if previous is None else torch.from_numpy(previous)[None, None]
        with torch.inference_mode():
            all_masks, all_ious = self.model(
                *self.prompting.inputs(image, prompts, before, letterbox)
            )
        chosen = self.prompting.chosen(all_ious[0].numpy(), multimask_output)
        logits, ious = all_masks[0, chosen].numpy(), all_ious[0, chosen].numpy()
        if not np.isfinite(logits).all():
            raise ArtifactError(
                "the network answers NaN or infinity; use other weights or precision"
            )
        if self.cleaning is not None:
            clicked = Wanted.of(prompts, previous, letterbox)
            logits = cleaned_logits(logits, clicked, letterbox, self.cleaning)
        return logits, ious

    def _current_photo(self) -> SetPhoto:
        photo = self._photo
        if photo is None:
            raise ImageError("no photo is set; call set_image first")
        return photo

    def _previous_mask(self, mask_input: ArrayLike, photo: Letterbox) -> NDArray[np.float32]:
        side = self.size // photo.mask_stride
        return as_floats("mask_input", mask_input, (1, side, side))[0]


def as_arrays(answer: MaskAnswer, return_logits: bool) -> MaskArrays:
    """Masks or logits [C, H, W], iou_predictions and low_res_masks, as `predict` gives them."""
    masks = answer.photo_logits() if return_logits else answer.photo_masks()
    return masks, answer.iou_predictions, answer.low_res_masks
