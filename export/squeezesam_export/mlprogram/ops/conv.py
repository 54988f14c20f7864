"""Convolutions of one to three dimensions."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from squeezesam_export.mlprogram.registry import Ints, UnsupportedError, op

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


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
    margins = conv_padding(x.shape[2:], weight.shape[2:], strides, dilations, pad_type, pad)
    x = F.pad(x, [side for pair in reversed(margins) for side in pair])
    return CONVOLUTIONS[dimensions](
        x, weight, bias, stride=strides, dilation=dilations, groups=groups
    )


def conv_padding(
    sides: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pad_type: str,
    pad: Sequence[int] | None,
) -> list[tuple[int, int]]:
    """What goes before and after in each dimension.

    `same` gives outputs of ceil(side / stride), the odd element after; `same_lower` puts it before.
    """
    if pad_type == "valid":
        return [(0, 0)] * len(sides)
    if pad_type == "custom":
        if pad is None:
            raise UnsupportedError("pad_type is custom and pad is absent")
        return list(zip(pad[::2], pad[1::2], strict=True))
    if pad_type not in ("same", "same_lower"):
        raise UnsupportedError(f"pad_type {pad_type!r} is unknown")
    margins = []
    for side, width, stride, dilation in zip(sides, kernel, strides, dilations, strict=True):
        span = (width - 1) * dilation + 1
        total = max(0, (-(-side // stride) - 1) * stride + span - side)
        small, large = total // 2, total - total // 2
        margins.append((small, large) if pad_type == "same" else (large, small))
    return margins
