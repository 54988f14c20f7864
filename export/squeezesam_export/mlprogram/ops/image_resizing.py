"""Resizing of pictures [..., H, W]."""

from torch import Tensor
from torch.nn import functional as F

from squeezesam_export.mlprogram.registry import UnsupportedError, op


@op("upsample_bilinear")
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1.0,
    scale_factor_width: float = 1.0,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Larger by a factor, interpolated."""
    if half_pixel_centers is False and not align_corners:
        raise UnsupportedError("half_pixel_centers is false")
    height, width = x.shape[-2:]
    size = (int(height * scale_factor_height), int(width * scale_factor_width))
    return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)
