"""Prompts: what the user may say, and how it becomes the network's input tensors.

Defined behaviour: a click outside the photo is an error; of exact duplicates one is kept; of clicks
on the same point with different labels the latest wins; all clicks are drawn on the prompt maps,
and when there are more of them than point slots, the latest 14 become tokens; a box is clipped to
the photo and must keep a positive area there; negative clicks alone, which the network answers with
an empty mask, are an error.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.errors import PromptError
from squeezesam.networks.layers import position_features
from squeezesam.spec import (
    BOX_SLOTS,
    DISC_RADIUS,
    EFFICIENTSAM_LABELS,
    EFFICIENTSAM_POINTS,
    MAP_STRIDE,
    POINT_SLOTS,
    TOKEN_KINDS,
    TOKEN_SLOTS,
    PointLabel,
)
from squeezesam.strict_json import shown

FloatArray = NDArray[np.float32]

UNREACHABLE = 1e9
"""A squared distance beyond all others; infinity is not safe in the shaders of WebGPU."""

PADDING = -1.0
"""Place of an unused slot of EfficientSAM in input pixels, before half a pixel is added."""

UNSUITABLE = (TypeError, ValueError, OverflowError, RuntimeError, RecursionError)
"""What numpy and PyTorch raise of values that are no array of numbers."""


@dataclass(frozen=True)
class Prompts:
    """Checked prompts in the pixels of one photo.

    Attributes:
        coords: [N, 2] float32 (x, y), oldest first.
        labels: [N] int64, POSITIVE or NEGATIVE.
        box: [4] float32 (x0, y0, x1, y1), or None.
    """

    coords: FloatArray
    labels: NDArray[np.int64]
    box: FloatArray | None


def as_floats(name: str, values: ArrayLike | Tensor, shape: tuple[int | None, ...]) -> FloatArray:
    """Convert to a finite float32 array of the given shape (None: any length).

    Lists, arrays and tensors of any real type and device are taken, and so is a leading axis of
    length 1 too many or too few, as in a box [1, 4] for [4] or a mask [h, w] for [1, h, w].

    Raises:
        PromptError: not numbers, another shape, NaN or infinite.
    """
    wanted = "x".join("N" if side is None else str(side) for side in shape)
    try:
        array = _real_array(values)
    except UNSUITABLE as error:
        raise PromptError(
            f"{name} must be numbers of shape {wanted}, got {shown(values)}"
        ) from error
    if shape[0] is None and not array.size:
        array = array.reshape([side or 0 for side in shape])
    if array.ndim == len(shape) + 1 and len(array) == 1:
        array = array[0]
    elif array.ndim + 1 == len(shape) and shape[0] == 1:
        array = array[None]
    if array.ndim != len(shape) or any(
        side is not None and side != got for side, got in zip(shape, array.shape, strict=True)
    ):
        got = "x".join(map(str, array.shape)) or "a single number"
        raise PromptError(f"{name} must have shape {wanted}, got {got}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        first = bad[0].tolist()
        raise PromptError(f"{name}{first} is {array[*first]}; give finite numbers")
    return array


def _real_array(values: ArrayLike | Tensor) -> FloatArray:
    """Any numbers as a float32 array; what is too large for the type becomes infinite.

    Raises:
        TypeError, ValueError, OverflowError, RuntimeError: they are no numbers, or not all there.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().resolve_conj().resolve_neg()
        if values.dtype == torch.bfloat16:  # which numpy lacks
            values = values.float()
        values = values.numpy()
    if np.ma.is_masked(values):
        raise ValueError("what is masked has no value")
    array = np.asarray(values)
    if array.dtype.kind not in "biufO":
        raise TypeError(f"{array.dtype} is not a type of real numbers")
    with np.errstate(over="ignore"):  # What becomes infinite is refused by the caller.
        return array.astype(np.float32)


def check_prompts(
    point_coords: ArrayLike | None,
    point_labels: ArrayLike | None,
    box: ArrayLike | None,
    *,
    width: int,
    height: int,
) -> Prompts:
    """Check prompts against a photo and settle duplicates and contradictions.

    Args:
        point_coords: [N, 2] (x, y) in photo pixels, 0 <= x < width, 0 <= y < height.
        point_labels: [N], 1 for the object, 0 for background, -1 for a slot to ignore.
        box: [4] or [1, 4] (x0, y0, x1, y1) in photo pixels.
        width: width of the photo in pixels.
        height: height of the photo in pixels.

    Raises:
        PromptError: a value has no meaning on this photo.
    """
    if (point_coords is None) != (point_labels is None):
        raise PromptError("point_coords and point_labels go together; one of them is missing")
    coords, labels = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
    if point_coords is not None and point_labels is not None:
        coords = as_floats("point_coords", point_coords, (None, 2))
        codes = as_floats("point_labels", point_labels, (len(coords),))
        known = (PointLabel.PAD, PointLabel.NEGATIVE, PointLabel.POSITIVE)
        for code in codes:
            if code not in known:
                raise PromptError(
                    f"unknown point label {code:g}; use 1 (object), 0 (background) or -1 (unused)"
                )
        labels = codes.astype(np.int64)
        used = labels != PointLabel.PAD
        coords, labels = coords[used], labels[used]
        for x, y in coords:
            if not (0 <= x < width and 0 <= y < height):
                raise PromptError(
                    f"point ({x:g}, {y:g}) is outside the {width}x{height} image; "
                    f"x must be in [0, {width}), y in [0, {height})"
                )
        latest = {(float(x), float(y)): i for i, (x, y) in enumerate(coords)}
        keep = sorted(latest.values())
        coords, labels = coords[keep], labels[keep]
    return Prompts(coords, labels, None if box is None else clip_box(box, width, height))


def check_asks(prompts: Prompts, takes_masks: bool = True) -> None:
    """See that prompts, without an earlier mask, say where the object is.

    Args:
        prompts: to be checked.
        takes_masks: whether an earlier mask would say it.

    Raises:
        PromptError: there are none, or only clicks on what does not belong to it.
    """
    if prompts.box is not None or PointLabel.POSITIVE in prompts.labels:
        return
    if len(prompts.coords):
        raise PromptError(
            "negative clicks alone do not say what is meant; add a positive click on the object, a "
            "box around it, or an earlier mask of it"
        )
    others = ", a box or an earlier mask" if takes_masks else " or a box"
    raise PromptError(f"no prompt; give at least one click{others}")


Query = tuple[Any, Any, Any, Any]
"""point_coords, point_labels, box and mask_input of one query; None for what it does not have."""

QUERY_AXES = {"point_coords": 2, "point_labels": 1, "box": 1, "mask_input": 3}
"""Axes of each prompt of one query."""


def split_queries(
    point_coords: ArrayLike | None,
    point_labels: ArrayLike | None,
    box: ArrayLike | None,
    mask_input: ArrayLike | None,
) -> list[Query] | None:
    """The queries of prompts that have an axis of queries in front; None where none has.

    Args:
        point_coords: [N, 2], or [B, N, 2] of B queries.
        point_labels: [N] or [B, N].
        box: [4] or [B, 4].
        mask_input: [size/2, size/2], [1, size/2, size/2] or [B, 1, size/2, size/2].

    Raises:
        PromptError: the prompts are for different numbers of queries, or for none at all.
    """
    values: tuple[Any, ...] = (point_coords, point_labels, box, mask_input)
    given = {
        name: value for name, value in zip(QUERY_AXES, values, strict=True) if value is not None
    }
    counts = {name: _query_count(value, QUERY_AXES[name]) for name, value in given.items()}
    if all(count == 1 for count in counts.values()):
        return None
    if len(set(counts.values())) > 1:
        raise PromptError(
            "all prompts must be for the same number of queries, got "
            + ", ".join(f"{name} for {count}" for name, count in counts.items())
        )
    (count,) = set(counts.values())
    if not count:
        raise PromptError(f"there is no query in {' and '.join(given)}; give at least one")
    coords, labels, boxes, masks = (
        [None] * count if value is None else list(value) for value in values
    )
    return list(zip(coords, labels, boxes, masks, strict=True))


def _query_count(values: Any, axes: int) -> int:
    """How many queries a prompt is for: 1 unless it has one axis more than a single query's.

    What is no array of numbers counts as one query, whose check then says what is wrong.
    """
    try:
        shape = values.shape if isinstance(values, Tensor) else np.shape(values)
    except UNSUITABLE:
        return 1
    return shape[0] if len(shape) == axes + 1 else 1


def clip_box(box: ArrayLike, width: int, height: int) -> FloatArray:
    """Clip a box to the photo.

    Raises:
        PromptError: nothing of the box lies on the photo, or its corners are swapped.
    """
    x0, y0, x1, y1 = as_floats("box", box, (4,))
    clipped = np.array([max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)], dtype=np.float32)
    if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
        raise PromptError(
            f"box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) covers nothing of the {width}x{height} image; "
            "give x0,y0,x1,y1 with x0 < x1 and y0 < y1"
        )
    return clipped


def with_corners(prompts: Prompts) -> tuple[FloatArray, list[int]]:
    """Clicks, then the two corners of the box where there is one: places [N, 2] and labels [N]."""
    coords, labels = prompts.coords, prompts.labels.tolist()
    if prompts.box is None:
        return coords, labels
    corners = [PointLabel.BOX_TOP_LEFT, PointLabel.BOX_BOTTOM_RIGHT]
    return np.concatenate([coords, prompts.box.reshape(BOX_SLOTS, 2)]), labels + corners


def prompt_slots(prompts: Prompts, scale: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Lay checked prompts out as slots in the pixels of the network input.

    Args:
        prompts: the prompts, in photo pixels.
        scale: input pixels per photo pixel along x and y.

    Returns:
        coords [1, P + 2, 2] and labels [1, P + 2], P >= 14: padding, points oldest first, then the
        two box corners (padding when there is no box).
    """
    padding = max(POINT_SLOTS - len(prompts.coords), 0)
    # A click names a pixel; its centre lies half a pixel further. A box names edges.
    points = prompts.coords + np.float32(0.5)
    corners = np.zeros((BOX_SLOTS, 2), np.float32)
    corner_labels = [PointLabel.PAD, PointLabel.PAD]
    if prompts.box is not None:
        corners = prompts.box.reshape(BOX_SLOTS, 2)
        corner_labels = [PointLabel.BOX_TOP_LEFT, PointLabel.BOX_BOTTOM_RIGHT]
    coords = np.concatenate([np.zeros((padding, 2), np.float32), points, corners])
    coords = coords * np.array(scale, dtype=np.float32)
    labels = [PointLabel.PAD] * padding + prompts.labels.tolist() + corner_labels
    return torch.from_numpy(coords)[None], torch.tensor(labels)[None]


def encode_prompts(
    coords: Tensor, labels: Tensor, mask_input: Tensor | None, size: int
) -> tuple[Tensor, Tensor]:
    """Encode slots as the network's prompt inputs.

    Args:
        coords: [B, P + 2, 2] (x, y) in input pixels; points oldest first, then two box corners.
        labels: [B, P + 2] codes of `PointLabel`.
        mask_input: [B, 1, size/2, size/2] logits of an earlier answer, or None.
        size: side of the network input in pixels.

    Returns:
        prompt_maps [B, 4, size/2, size/2] and prompt_tokens [B, 16, 28].
    """
    side = size // MAP_STRIDE
    maps = [
        draw_discs(coords, labels == PointLabel.POSITIVE, side),
        draw_discs(coords, labels == PointLabel.NEGATIVE, side),
        fill_box(coords[:, -BOX_SLOTS:], labels[:, -1] == PointLabel.BOX_BOTTOM_RIGHT, side),
        torch.zeros_like(coords[:, :1, :1]).expand(-1, side, side)
        if mask_input is None
        else torch.tanh(mask_input[:, 0] / 2),
    ]
    return torch.stack(maps, dim=1), encode_tokens(coords, labels, size)


def point_slots(coords: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Encode clicks and corners of a box as EfficientSAM's prompt inputs; the oldest give way.

    As in the published code, half an input pixel is added to what stands in input pixels.

    Args:
        coords: [B, P, 2] (x, y) in input pixels, oldest first.
        labels: [B, P], of EFFICIENTSAM_LABELS; padding may stand anywhere.
        size: side of the network input in pixels.

    Returns:
        points [B, 6, 2] and point_kinds [B, 6, 4], padded behind.
    """
    coords = F.pad(coords, (0, 0, 0, EFFICIENTSAM_POINTS))
    labels = F.pad(labels, (0, EFFICIENTSAM_POINTS), value=int(PointLabel.PAD))
    used = labels != PointLabel.PAD
    kept = used & (used.flip(1).cumsum(dim=1).flip(1) <= EFFICIENTSAM_POINTS)
    first = (~kept).int().sort(dim=1, stable=True).indices[:, :EFFICIENTSAM_POINTS]
    labels = torch.where(kept, labels, int(PointLabel.PAD)).gather(1, first)
    placed = torch.where(kept[..., None], coords, PADDING)
    placed = placed.gather(1, first[..., None].expand(-1, -1, 2))
    codes = torch.tensor(EFFICIENTSAM_LABELS, device=labels.device)
    return (2 * placed + 1) / size - 1, (labels[..., None] == codes).to(coords.dtype)


def draw_discs(coords: Tensor, shown: Tensor, side: int) -> Tensor:
    """Anti-aliased discs at the shown points: [B, side, side] in 0..1."""
    used = shown.any(dim=0)  # most slots are padding, and a click is one of sixteen
    if not used.any():
        return coords.new_zeros(len(coords), side, side)
    return discs(coords[:, used], shown[:, used], side)


def discs(coords: Tensor, shown: Tensor, side: int) -> Tensor:
    """As `draw_discs`, without looking at the values, so that it can be traced; P is at least 1."""
    pixels = torch.arange(side, device=coords.device) + 0.5
    centres = coords / MAP_STRIDE
    across = (pixels - centres[..., 0, None]) ** 2  # [B, P, side]
    down = (pixels - centres[..., 1, None]) ** 2
    # The nearest shown point decides, so the maximum over discs is one minimum over distances.
    hidden = torch.where(shown, 0.0, UNREACHABLE)[..., None, None]
    squared = (down[..., :, None] + across[..., None, :] + hidden).amin(dim=1)
    return (DISC_RADIUS + 0.5 - squared.sqrt()).clamp(0, 1)


def fill_box(corners: Tensor, shown: Tensor, side: int) -> Tensor:
    """Share of each pixel that a box covers: [B, side, side] in 0..1."""
    left = torch.arange(side, device=corners.device)
    low, high = (corners / MAP_STRIDE).unbind(dim=1)  # [B, 2] each
    covered = (
        torch.minimum(left + 1, high[..., None]) - torch.maximum(left, low[..., None])
    ).clamp(0, 1)  # [B, 2, side]
    return covered[:, 1, :, None] * covered[:, 0, None, :] * as_numbers(shown)[:, None, None]


def as_numbers(truth: Tensor) -> Tensor:
    """1 where a value is true and 0 elsewhere, in float32.

    A graph computes it by the operator Where. A browser compiles ONNX Runtime's function for Cast
    in the background for seconds, which slows the first ten to twenty inferences down.
    """
    return torch.where(truth, 1.0, 0.0)


def encode_tokens(coords: Tensor, labels: Tensor, size: int) -> Tensor:
    """Fourier features and one-hot kind of the last 16 slots: [B, 16, 28], 0 where unused."""
    coords, labels = coords[:, -TOKEN_SLOTS:], labels[:, -TOKEN_SLOTS:]
    used = (labels != PointLabel.PAD)[..., None]
    codes = torch.arange(TOKEN_KINDS, device=labels.device)
    kinds = as_numbers(labels[..., None] == codes)
    return torch.cat([position_features(coords / size), kinds], dim=-1) * as_numbers(used)


def point_inputs(
    coords: Tensor,
    labels: Tensor,
    mask_input: Tensor | None,
    size: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hand slots on as the prompt inputs of a network that draws them itself.

    Args:
        coords: [1, P, 2] as `encode_prompts` takes them.
        labels: [1, P].
        mask_input: [1, 1, size/2, size/2] logits of an earlier answer, or None.
        size: side of the network input in pixels.

    Returns:
        point_coords [1, P, 2], point_labels [1, P], mask_input [1, 1, size/2, size/2] and
        has_mask_input [1], all in float32.
    """
    side = size // MAP_STRIDE
    mask = coords.new_zeros(1, 1, side, side) if mask_input is None else mask_input
    return coords, labels.to(coords.dtype), mask, coords.new_tensor([float(mask_input is not None)])


class PromptDrawing(nn.Module):
    """`encode_prompts` as a graph: points in any order and number -> prompt maps and tokens.

    Args:
        size: side of the network input in pixels.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(
        self, coords: Tensor, labels: Tensor, mask_input: Tensor, has_mask_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Draw prompts as `squeezesam.spec.point_specs` describes them.

        Args:
            coords: [1, N, 2], N at least 1.
            labels: [1, N] in float32.
            mask_input: [1, 1, size/2, size/2].
            has_mask_input: [1].

        Returns:
            prompt_maps [1, 4, size/2, size/2] and prompt_tokens [1, 16, 28].
        """
        side = self.size // MAP_STRIDE
        slots = slot_numbers(labels)
        # Rows of one 1 at most move points to their slots exactly, whatever their number is.
        placing = as_numbers(slots[:, None] == torch.arange(TOKEN_SLOTS)[:, None])
        placed = placing @ coords  # [1, 16, 2]
        codes = (placing @ (labels - PointLabel.PAD)[..., None])[..., 0] + PointLabel.PAD
        maps = [
            discs(coords, labels == PointLabel.POSITIVE, side),
            discs(coords, labels == PointLabel.NEGATIVE, side),
            fill_box(placed[:, -BOX_SLOTS:], codes[:, -1] == PointLabel.BOX_BOTTOM_RIGHT, side),
            torch.tanh(mask_input[:, 0] / 2) * has_mask_input,
        ]
        return torch.stack(maps, dim=1), encode_tokens(placed, codes, self.size)


def slot_numbers(labels: Tensor) -> Tensor:
    """The slot of each point, as `prompt_slots` has them: [1, N] -> [1, N].

    A point that has none, which is padding or an earlier click than the latest 14, gets a number
    below 0.
    """
    clicks = torch.logical_or(labels == PointLabel.POSITIVE, labels == PointLabel.NEGATIVE)
    counted = as_numbers(clicks)
    later = counted.sum(dim=1, keepdim=True) - counted.cumsum(dim=1)
    corners = torch.where(
        labels > PointLabel.POSITIVE, POINT_SLOTS - PointLabel.BOX_TOP_LEFT + labels, -1.0
    )
    return torch.where(clicks, POINT_SLOTS - 1 - later, corners)
