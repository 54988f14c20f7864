"""Pooling over windows in one to three dimensions."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from squeezesam_export.mlprogram.ops.conv import margins_of, output_sides, padded
from squeezesam_export.mlprogram.registry import Ints, UnsupportedError, op


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
