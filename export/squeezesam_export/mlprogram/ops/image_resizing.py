"""Resizing and resampling of pictures [..., H, W]."""

import torch
from torch import Tensor

from squeezesam_export.mlprogram.registry import Ints, UnsupportedError, along, op

DEFAULT = "DEFAULT"
STRICT = "STRICT_ALIGN_CORNERS"


@op("upsample_nearest_neighbor")
def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: float = 1.0, scale_factor_width: float = 1.0
) -> Tensor:
    """Output i is input floor(i * side / new side).

    Where a side times its factor is no whole number the documentation does not say what is which;
    PyTorch's and TensorFlow's operators, which are converted to this one, differ.
    """
    for axis, factor in ((-2, scale_factor_height), (-1, scale_factor_width)):
        side = x.shape[axis]
        new = round(side * factor)
        if abs(new - side * factor) > 1e-3:  # coremltools adds 1e-4 to a side before it divides
            raise UnsupportedError(f"{side} times {factor} is no whole number")
        x = x.index_select(axis, torch.arange(new) * side // new)
    return x


@op("upsample_bilinear", until=5)
def upsample_bilinear_ios15(
    x: Tensor,
    scale_factor_height: float = 1.0,
    scale_factor_width: float = 1.0,
    align_corners: bool = True,
) -> Tensor:
    """Larger by a factor, interpolated."""
    return upsample_bilinear(x, scale_factor_height, scale_factor_width, align_corners)


@op("upsample_bilinear", since=6)
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1.0,
    scale_factor_width: float = 1.0,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Larger by a factor, interpolated; half_pixel_centers is by default `not align_corners`."""
    half = not align_corners if half_pixel_centers is None else half_pixel_centers
    if align_corners and half:
        raise UnsupportedError("align_corners and half_pixel_centers are both true")
    mode = STRICT if align_corners else "UNALIGN_CORNERS" if half else DEFAULT
    return interpolated(x, scaled(x, scale_factor_height, scale_factor_width), mode)


@op("resize_nearest_neighbor")
def resize_nearest_neighbor(x: Tensor, target_size_height: int, target_size_width: int) -> Tensor:
    """Output i is input floor((i + 1/2) * side / new side).

    The documentation does not say which; TensorFlow's operator with half_pixel_centers, which is
    converted to this one and compared with Core ML in coremltools' tests, does.
    """
    return nearest(x, (target_size_height, target_size_width))


@op("resize_bilinear")
def resize_bilinear(
    x: Tensor,
    target_size_height: int = 1,
    target_size_width: int = 1,
    sampling_mode: str = DEFAULT,
) -> Tensor:
    """To a size, interpolated."""
    return interpolated(x, (target_size_height, target_size_width), sampling_mode)


@op("resize", since=7)
def resize(
    x: Tensor,
    shape: Ints,
    resized_dims: int,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = DEFAULT,
) -> Tensor:
    """The last axes to the last sides of a shape, where 0 keeps a side.

    The nearest neighbor is that of resize_nearest_neighbor, which the documentation says to be part
    of this one; it does not say what other modes than DEFAULT make of it.
    """
    if not 0 <= resized_dims <= len(shape) <= x.ndim:
        raise UnsupportedError(f"resized_dims {resized_dims} of shape {list(shape)}")
    sides = zip(shape[len(shape) - resized_dims :], x.shape[x.ndim - resized_dims :], strict=True)
    size = tuple(new or side for new, side in sides)
    match interpolation_mode, sampling_mode:
        case "NEAREST_NEIGHBOR", "DEFAULT":
            return nearest(x, size)
        case "LINEAR", _ if x.dtype.is_floating_point:
            return interpolated(x, size, sampling_mode)
    raise UnsupportedError(f"{interpolation_mode} of {sampling_mode} and {x.dtype}")


@op("crop")
def crop(x: Tensor, crop_height: Ints, crop_width: Ints) -> Tensor:
    """Without some rows above and below, and columns left and right."""
    height, width = x.shape[-2:]
    (above, below), (left, right) = crop_height, crop_width
    return x[..., above : height - below, left : width - right]


@op("resample")
def resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Values of [B, C, H, W] at coordinates (x, y) in [B, H', W', 2], in the picture that goes on.

    The nearest of two that are as near is the even one, as in PyTorch.
    """
    across, down = (
        unnormalized(coordinates[..., axis].float(), side, coordinates_mode, align_corners)
        for axis, side in ((0, x.shape[-1]), (1, x.shape[-2]))
    )
    if sampling_mode == "nearest":
        return picked(x, down.round(), across.round(), padding_mode, padding_value)
    if sampling_mode != "bilinear":
        raise UnsupportedError(f"sampling_mode {sampling_mode!r} is unknown")
    result = torch.zeros(())
    for row, row_weight in neighbors(down):
        for column, column_weight in neighbors(across):
            values = picked(x, row, column, padding_mode, padding_value)
            result = result + (row_weight * column_weight)[:, None] * values
    return result


@op("affine")
def affine(
    x: Tensor,
    transform_matrix: Tensor,
    output_height: int,
    output_width: int,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Resampled where a matrix [D, 6] takes the coordinates of the output."""
    if coordinates_mode != "normalized_minus_one_to_one" or not align_corners:
        raise UnsupportedError("coordinates that are not normalized to [-1, 1] at the corners")
    rows, columns = (torch.linspace(-1, 1, side) for side in (output_height, output_width))
    down, across = torch.meshgrid(rows, columns, indexing="ij")
    places = torch.stack([across, down, torch.ones_like(down)], -1)
    matrices = transform_matrix.reshape(-1, 2, 3).expand(len(x), 2, 3)
    coordinates = torch.einsum("hwk,bck->bhwc", places, matrices)
    return resample(
        x,
        coordinates,
        sampling_mode,
        padding_mode,
        padding_value,
        coordinates_mode,
        align_corners,
    )


def scaled(x: Tensor, *factors: float) -> tuple[int, ...]:
    """Sides of a picture times factors, rounded down; in float32, as coremltools multiplies."""
    sides = torch.tensor(x.shape[-2:], dtype=torch.float32)
    return tuple((sides * torch.tensor(factors)).int().tolist())


def interpolated(x: Tensor, size: tuple[int, ...], mode: str) -> Tensor:
    """The last axes at their grid points, one after the other, between the two elements around."""
    for axis, new in enumerate(size, x.ndim - len(size)):
        points = grid_points(x.shape[axis], new, mode)
        below, above = points.floor().long(), points.ceil().long()
        weight = along((points - below).float(), x, axis)
        x = x.index_select(axis, below) * (1 - weight) + x.index_select(axis, above) * weight
    return x


def nearest(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """The last axes: element i is that at (i + 1/2) * side / new side."""
    for axis, new in enumerate(size, x.ndim - len(size)):
        place = 2 * torch.arange(new) + 1
        x = x.index_select(axis, place * x.shape[axis] // (2 * new))
    return x


def grid_points(side: int, new: int, mode: str) -> Tensor:
    """Where the elements of a resized axis lie in the old one, in float64."""
    place = torch.arange(new, dtype=torch.float64)
    match mode:
        case "STRICT_ALIGN_CORNERS":
            points = place * (side - 1) / max(1, new - 1)
        case "ALIGN_CORNERS":
            points = place * (side - 1) / (new - 1) if new > 1 else place + (side - 1) / 2
        case "DEFAULT":
            points = place * side / new
        case "OFFSET_CORNERS":
            points = (place + 0.5) * max(1, side - 1) / new
        case "UNALIGN_CORNERS":
            points = (place + 0.5) * side / new - 0.5
        case _:
            raise UnsupportedError(f"sampling_mode {mode!r} is unknown")
    return points.clamp(0, side - 1)


def unnormalized(coordinate: Tensor, side: int, mode: str, align_corners: bool) -> Tensor:
    """Coordinates in elements, of which the first lies at 0."""
    match mode:
        case "unnormalized":
            return coordinate
        case "normalized_minus_one_to_one":
            part = (coordinate + 1) / 2
        case "normalized_zero_to_one":
            part = coordinate
        case _:
            raise UnsupportedError(f"coordinates_mode {mode!r} is unknown")
    return part * (side - 1) if align_corners else part * side - 0.5


def neighbors(coordinate: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The elements before and after each coordinate, with their weights."""
    before = coordinate.floor()
    after = coordinate - before
    return (before, 1 - after), (before + 1, after)


def picked(x: Tensor, row: Tensor, column: Tensor, padding_mode: str, value: float) -> Tensor:
    """Elements [B, C, H', W'] at whole coordinates [B, H', W'], outside as the padding says."""
    height, width = x.shape[-2:]
    sample = torch.arange(len(x))[:, None, None]
    rows, columns = (
        continued(place, side, padding_mode) for place, side in ((row, height), (column, width))
    )
    values = x[sample, :, rows, columns].movedim(-1, 1)
    if padding_mode != "constant":
        return values
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return torch.where(inside[:, None], values, value)


def continued(place: Tensor, side: int, padding_mode: str) -> Tensor:
    """The element that stands at a whole coordinate, inside or outside."""
    place = place.long()
    match padding_mode:
        case "constant" | "border":
            return place.clamp(0, side - 1)
        case "reflection":
            period = max(1, 2 * (side - 1))
            place = place.remainder(period)
            return torch.minimum(place, period - place) if side > 1 else place
        case "symmetric":
            place = place.remainder(2 * side)
            return torch.minimum(place, 2 * side - 1 - place)
    raise UnsupportedError(f"padding_mode {padding_mode!r} is unknown")
