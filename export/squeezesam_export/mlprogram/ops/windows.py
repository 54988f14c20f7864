"""Convolutions and pooling over windows in one to three dimensions."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam_export.mlprogram.registry import CHANNELS, Ints, UnsupportedError, along, op

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


@op("conv")
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Ints | None = None,
    pad_type: str = "valid",
    pad: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    """Convolution with zeros around: [B, in, *D], [out, in / groups, *K] -> [B, out, *D']."""
    dimensions = x.ndim - 2
    strides = strides or (1,) * dimensions
    dilations = dilations or (1,) * dimensions
    spans = dilated(weight.shape[2:], dilations)
    margins = margins_of(x.shape[2:], spans, strides, pad_type, pad)
    x = padded(x, margins)
    return CONVOLUTIONS[dimensions](
        x, weight, bias, stride=strides, dilation=dilations, groups=groups
    )


@op("conv_transpose")
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Ints | None = None,
    output_shape: Ints | None = None,
    pad_type: str = "valid",
    strides: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    """Gradient of a conv: [B, in, *D], [in, out / groups, *K] -> [B, out, *D'].

    The conv is that of the same parameters which takes [B, out, *D'] to [B, in, *D].
    """
    dimensions = x.ndim - 2
    strides = strides or (1,) * dimensions
    dilations = dilations or (1,) * dimensions
    if pad_type == "same_lower":
        raise UnsupportedError("pad_type same_lower is not defined for conv_transpose")
    spans = dilated(weight.shape[2:], dilations)
    full = [
        (side - 1) * stride + span
        for side, stride, span in zip(x.shape[2:], strides, spans, strict=True)
    ]
    if output_shape is not None:
        sides = list(output_shape[2:])
    elif pad_type == "same":
        sides = [side * stride for side, stride in zip(x.shape[2:], strides, strict=True)]
    else:
        margins = margins_of(full, spans, strides, pad_type, pad)
        sides = [side - sum(pair) for side, pair in zip(full, margins, strict=True)]
    margins = margins_of(sides, spans, strides, pad_type, pad)
    if output_sides(sides, spans, strides, margins) != list(x.shape[2:]):
        raise UnsupportedError(f"output_shape {list(output_shape or sides)} does not lead to x")
    y = TRANSPOSED[dimensions](x, weight, None, strides, 0, 0, groups, dilations)
    # What lies beyond the last kernel is zero; what lies in the margins falls away.
    y = padded(
        y,
        [
            (-before, side + before - whole)
            for (before, _), side, whole in zip(margins, sides, full, strict=True)
        ],
    )
    return y if bias is None else y + along(bias, y, CHANNELS)


def dilated(kernel: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """Sides that a kernel covers."""
    return [(side - 1) * step + 1 for side, step in zip(kernel, dilations, strict=True)]


def margins_of(
    sides: Sequence[int],
    spans: Sequence[int],
    strides: Sequence[int],
    pad_type: str,
    pad: Sequence[int] | None,
) -> list[tuple[int, int]]:
    """What goes before and after in each dimension, for windows of given spans.

    `same` gives outputs of ceil(side / stride), the odd element after; `same_lower` puts it before.
    """
    if pad_type == "custom" and pad is not None:
        return list(zip(pad[::2], pad[1::2], strict=True))
    if pad_type in ("valid", "custom"):
        return [(0, 0)] * len(sides)
    if pad_type not in ("same", "same_lower"):
        raise UnsupportedError(f"pad_type {pad_type!r} is unknown")
    margins = []
    for side, span, stride in zip(sides, spans, strides, strict=True):
        total = max(0, (-(-side // stride) - 1) * stride + span - side)
        small, large = total // 2, total - total // 2
        margins.append((small, large) if pad_type == "same" else (large, small))
    return margins


def output_sides(
    sides: Sequence[int],
    spans: Sequence[int],
    strides: Sequence[int],
    margins: Sequence[tuple[int, int]],
) -> list[int]:
    """How many windows fit in each dimension."""
    return [
        (side + sum(pair) - span) // stride + 1
        for side, span, stride, pair in zip(sides, spans, strides, margins, strict=True)
    ]


def padded(x: Tensor, margins: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """A value before and after in each of the last dimensions; cut off where negative."""
    return F.pad(x, [side for pair in reversed(margins) for side in pair], value=value)


@op("max_pool")
def max_pool(
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints | None = None,
    pad: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Largest element of each window; padding never is."""
    place = _Placement(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    return place.windows(x, -math.inf, -math.inf).amax(-1)


@op("avg_pool")
def avg_pool(
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints | None = None,
    pad: Ints | None = None,
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Mean of each window, where padding counts as zeros or not at all.

    What ceil_mode adds beyond the padding does not count, as in PyTorch.
    """
    place = _Placement(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    ones = torch.ones_like(x[:1, :1])
    counts = place.windows(ones, 0.0 if exclude_padding_from_average else 1.0).sum(-1)
    return place.windows(x).sum(-1) / counts


@op("l2_pool")
def l2_pool(
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints | None = None,
    pad: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Square root of the sum of squares of each window."""
    place = _Placement(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    return place.windows(x.square()).sum(-1).sqrt()


class _Placement:
    """Where the windows lie.

    Attributes:
        margins: of padding, before and after in each dimension.
        rest: what the last windows cover beyond it.
    """

    def __init__(
        self,
        x: Tensor,
        kernel: Sequence[int],
        strides: Sequence[int] | None,
        pad_type: str,
        pad: Sequence[int] | None,
        ceil_mode: bool,
    ) -> None:
        if ceil_mode and pad_type not in ("valid", "custom"):
            raise UnsupportedError(f"ceil_mode is not defined for pad_type {pad_type}")
        self.kernel = kernel
        self.strides = strides or (1,) * len(kernel)
        sides = x.shape[2:]
        self.margins = margins_of(sides, kernel, self.strides, pad_type, pad)
        counts = output_sides(sides, kernel, self.strides, self.margins)
        if ceil_mode:
            counts = [
                rounded_up(side, width, stride, pair)
                for side, width, stride, pair in zip(
                    sides, kernel, self.strides, self.margins, strict=True
                )
            ]
        self.rest = [
            (0, max(0, (count - 1) * stride + width - side - sum(pair)))
            for count, stride, width, side, pair in zip(
                counts, self.strides, kernel, sides, self.margins, strict=True
            )
        ]

    def windows(self, x: Tensor, margin: float = 0.0, beyond: float = 0.0) -> Tensor:
        """[B, C, *D'] windows, each flat in the last axis.

        Args:
            x: [B, C, *D].
            margin: value of the padding.
            beyond: value of what lies after the padding.
        """
        x = padded(padded(x, self.margins, margin), self.rest, beyond)
        for axis, (width, stride) in enumerate(zip(self.kernel, self.strides, strict=True), 2):
            x = x.unfold(axis, width, stride)
        return x.flatten(-len(self.kernel))


def rounded_up(side: int, width: int, stride: int, margins: tuple[int, int]) -> int:
    """Windows of one dimension, the last of which may reach beyond the padding."""
    before, after = margins
    count = -(-(side + before + after - width) // stride) + 1
    if (count - 1) * stride < side + before:
        return count
    if before + after == 0:
        raise UnsupportedError("ceil_mode puts a window where there is nothing")
    return count - 1
