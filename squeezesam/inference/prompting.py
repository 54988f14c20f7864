"""How each kind of promptable network is asked; a new kind is one class and one line in a table."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from squeezesam.errors import PromptError
from squeezesam.inference.letterbox import EarlyStretched, Letterbox, MeanPadded, Stretched
from squeezesam.inference.prompts import (
    Prompts,
    encode_prompts,
    point_inputs,
    point_slots,
    prompt_slots,
    with_corners,
)
from squeezesam.spec import (
    EARLY,
    EARLY_RADIUS,
    EFFICIENTSAM,
    POINT_SEGMENTER,
    SAM,
    SAM_LABELS,
    SEGMENTER,
    NetworkKind,
    PointLabel,
)


class Prompting(ABC):
    """What the predictor has to know about one kind of promptable network.

    Attributes:
        kind: of the network.
        frame: how a photo lies in its input.
        takes_masks: whether an earlier mask is a prompt, and can be given without anything else.
        looks_closer: whether it was trained for closer looks (`squeezesam.inference.looks`), and
            for heat maps of the salient-object detector in the place of earlier masks.
        labels: of clicks that it was trained with.
    """

    kind: ClassVar[NetworkKind]
    frame: ClassVar[type[Letterbox]]
    takes_masks: ClassVar[bool]
    looks_closer: ClassVar[bool] = False
    labels: ClassVar[frozenset[PointLabel]]

    @abstractmethod
    def inputs(
        self, image: Tensor, prompts: Prompts, previous: Tensor | None, frame: Letterbox
    ) -> tuple[Tensor, ...]:
        """Inputs of the network, in call order.

        Args:
            image: the photo as `frame` shows it, [1, 3, S, S].
            prompts: in photo pixels.
            previous: logits [1, 1, s, s] of an earlier mask, or None.
            frame: of the photo.
        """

    @abstractmethod
    def chosen(self, ious: NDArray[np.float32], multimask_output: bool) -> slice:
        """Which of its masks are given, by their predicted IoUs [M]: one, or the alternatives."""

    def check(self, prompts: Prompts) -> None:
        """Refuse clicks that the network was not trained with.

        Raises:
            PromptError: there is one.
        """
        for (x, y), label in zip(prompts.coords, prompts.labels, strict=True):
            if label not in self.labels:
                raise PromptError(
                    f"{self.kind.title} was trained without clicks of label {label}, such as that "
                    f"at ({x:g}, {y:g}); leave it out, or give another network"
                )


class SegmenterPrompting(Prompting):
    """Clicks are drawn, and are tokens beside (`squeezesam.inference.prompts`)."""

    kind = SEGMENTER
    frame = Letterbox
    takes_masks = True
    looks_closer = True
    labels = frozenset({PointLabel.POSITIVE, PointLabel.NEGATIVE})

    def inputs(
        self, image: Tensor, prompts: Prompts, previous: Tensor | None, frame: Letterbox
    ) -> tuple[Tensor, ...]:
        """The image, prompt maps and prompt tokens."""
        coords, labels = prompt_slots(prompts, frame.scale)
        return image, *encode_prompts(coords, labels, previous, frame.size)

    def chosen(self, ious: NDArray[np.float32], multimask_output: bool) -> slice:  # noqa: ARG002
        """The first mask is meant to be the one answer."""
        return slice(1, None) if multimask_output else slice(0, 1)


class PointSegmenterPrompting(SegmenterPrompting):
    """The network draws the clicks itself."""

    kind = POINT_SEGMENTER

    def inputs(
        self, image: Tensor, prompts: Prompts, previous: Tensor | None, frame: Letterbox
    ) -> tuple[Tensor, ...]:
        """The image, points, their labels, the earlier mask and whether there is one."""
        coords, labels = prompt_slots(prompts, frame.scale)
        return image, *point_inputs(coords, labels, previous, frame.size)


class SamPrompting(SegmenterPrompting):
    """Any number of clicks, the corners of a box, and an earlier mask.

    As in the published code, an unused slot follows clicks where there is no box.
    """

    kind = SAM
    frame = MeanPadded
    looks_closer = False

    def inputs(
        self, image: Tensor, prompts: Prompts, previous: Tensor | None, frame: Letterbox
    ) -> tuple[Tensor, ...]:
        """The image, points, kinds of points, the earlier mask and whether there is one."""
        coords, labels = with_corners(prompts)
        scaled = torch.from_numpy(coords * np.array(frame.scale, np.float32))
        if labels and prompts.box is None:
            scaled, labels = F.pad(scaled, (0, 0, 0, 1)), [*labels, PointLabel.PAD]
        kinds = torch.tensor(labels, dtype=torch.int64)[:, None] == torch.tensor(SAM_LABELS)
        side = frame.size // frame.mask_stride
        mask = scaled.new_zeros(1, 1, side, side) if previous is None else previous
        has_mask = scaled.new_tensor([float(previous is not None)])
        points = (2 * scaled + 1) / frame.size - 1
        return image, points[None], kinds[None].to(scaled.dtype), mask, has_mask


class AlternativesPrompting(Prompting):
    """None of the masks is meant to be the one answer: that is the one of the best IoU."""

    takes_masks = False
    labels = frozenset({PointLabel.POSITIVE})

    def chosen(self, ious: NDArray[np.float32], multimask_output: bool) -> slice:
        """All masks, or the one with the largest predicted IoU."""
        best = int(ious.argmax())
        return slice(None) if multimask_output else slice(best, best + 1)


class EfficientSamPrompting(AlternativesPrompting):
    """Clicks and the corners of a box share six slots; the oldest clicks give way."""

    kind = EFFICIENTSAM
    frame = Stretched

    def inputs(
        self,
        image: Tensor,
        prompts: Prompts,
        previous: Tensor | None,  # noqa: ARG002
        frame: Letterbox,
    ) -> tuple[Tensor, ...]:
        """The image, points and kinds of points."""
        coords, labels = with_corners(prompts)
        scaled = torch.from_numpy(coords * np.array(frame.scale, np.float32))
        return image, *point_slots(scaled[None], torch.tensor([labels]), frame.size)


class EarlyPrompting(AlternativesPrompting):
    """Clicks and the box are drawn at the size of the input, as the published code does."""

    kind = EARLY
    frame = EarlyStretched

    def inputs(
        self,
        image: Tensor,
        prompts: Prompts,
        previous: Tensor | None,  # noqa: ARG002
        frame: Letterbox,
    ) -> tuple[Tensor, ...]:
        """The image, and the box and the clicks as channels; places are pixels, not centres."""
        scale = torch.tensor(frame.scale)
        places = torch.arange(frame.size)
        box = torch.ones(frame.size, frame.size)
        if prompts.box is not None:
            low, high = torch.from_numpy(prompts.box).view(2, 2) * scale
            columns, rows = (
                (places >= low[axis]) & (places <= high[axis]) for axis in range(len(scale))
            )
            box = (rows[:, None] & columns).float()
        across, down = (torch.from_numpy(prompts.coords) * scale).T[..., None]  # [N, 1] each
        squared = ((places - down) ** 2)[:, :, None] + ((places - across) ** 2)[:, None]
        discs = (squared <= EARLY_RADIUS**2).any(dim=0).float()
        return image, torch.stack([box, discs])[None]


PROMPTINGS: tuple[Prompting, ...] = (
    SegmenterPrompting(),
    PointSegmenterPrompting(),
    EfficientSamPrompting(),
    EarlyPrompting(),
    SamPrompting(),
)


def prompting_of(kind: NetworkKind) -> Prompting:
    """How a kind of network that takes prompts is asked."""
    return next(one for one in PROMPTINGS if kind.is_like(one.kind))
