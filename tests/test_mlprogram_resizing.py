"""Resizing against the documented grid points, and against PyTorch."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from mil_programs import Array, interpreted, mb
from numpy.random import Generator, default_rng
from torch import nn
from torch.nn import functional as F
from torch_programs import assert_converts

from squeezesam.errors import ArtifactError

pytestmark = pytest.mark.slow


def normal(rng: Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, dtype=np.float32)


def documented_points(mode: str, side: int, new: int) -> list[float]:
    """Grid points as coremltools documents them for resize_bilinear, formula by formula."""
    if mode == "ALIGN_CORNERS" and new == 1:
        return [(side - 1) / 2]
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        spacing, offset = (side - 1) / (new - 1) if new > 1 else 0, 0.0
    elif mode == "DEFAULT":
        spacing, offset = (side - side / new) / (new - 1) if new > 1 else 0, 0.0
    elif mode == "OFFSET_CORNERS":
        delta = max(1, side - 1) / new
        spacing, offset = ((new - 1) * delta) / (new - 1) if new > 1 else 0, 0.5 * delta
    else:
        spacing = side / new
        offset = 0.5 * spacing - 0.5
    return [min(side - 1, max(0, offset + i * spacing)) for i in range(new)]


def sampled(x: Array, rows: list[float], columns: list[float]) -> Array:
    """Bilinear values of the last two axes at grid points."""
    y = np.zeros((*x.shape[:-2], len(rows), len(columns)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            top, left = int(row), int(column)
            bottom = min(top + 1, x.shape[-2] - 1)
            right = min(left + 1, x.shape[-1] - 1)
            down, across = row - top, column - left
            upper = x[..., top, left] * (1 - across) + x[..., top, right] * across
            lower = x[..., bottom, left] * (1 - across) + x[..., bottom, right] * across
            y[..., i, j] = upper * (1 - down) + lower * down
    return y


def nearest_half_pixel(side: int, new: int) -> list[int]:
    """What TensorFlow's ResizeNearestNeighbor with half_pixel_centers takes."""
    return [math.floor(Fraction(2 * i + 1, 2) * side / new) for i in range(new)]


MODES = ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS", "UNALIGN_CORNERS")


DOCUMENTED = [
    ("UNALIGN_CORNERS", 5, [0.0, 0.1, 0.5, 0.9, 1.0]),
    ("ALIGN_CORNERS", 5, [0.0, 0.25, 0.5, 0.75, 1.0]),
    ("DEFAULT", 5, [0.0, 0.4, 0.8, 1.0, 1.0]),
    ("OFFSET_CORNERS", 5, [0.1, 0.3, 0.5, 0.7, 0.9]),
    ("UNALIGN_CORNERS", 6, [0.0, 0.0, 1 / 3, 2 / 3, 1.0, 1.0]),
    ("STRICT_ALIGN_CORNERS", 6, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    ("DEFAULT", 6, [0.0, 1 / 3, 2 / 3, 1.0, 1.0, 1.0]),
    ("OFFSET_CORNERS", 6, [1 / 12, 3 / 12, 5 / 12, 7 / 12, 9 / 12, 11 / 12]),
]


def test_grid_points_of_the_documentation() -> None:
    def build(x):
        return tuple(
            mb.resize_bilinear(x=x, target_size_height=1, target_size_width=new, sampling_mode=mode)
            for mode, new, _ in DOCUMENTED
        )

    results = interpreted(build, np.array([0, 1], np.float32).reshape(1, 1, 2))
    for y, (mode, _, points) in zip(results, DOCUMENTED, strict=True):
        np.testing.assert_allclose(y.flatten(), points, atol=1e-6, err_msg=mode)


@pytest.mark.parametrize("seed", range(4))
def test_resize_bilinear(seed: int) -> None:
    rng = default_rng(seed)
    x = normal(rng, 2, 3, *rng.integers(1, 7, 2))
    cases = [(mode, *size) for mode in MODES for size in rng.integers(1, 10, (3, 2)).tolist()]
    cases += [(mode, 1, 1) for mode in MODES]

    def build(x):
        return tuple(
            mb.resize_bilinear(
                x=x, target_size_height=height, target_size_width=width, sampling_mode=mode
            )
            for mode, height, width in cases
        )

    for y, (mode, height, width) in zip(interpreted(build, x), cases, strict=True):
        rows = documented_points(mode, x.shape[-2], height)
        columns = documented_points(mode, x.shape[-1], width)
        np.testing.assert_allclose(y, sampled(x, rows, columns), atol=1e-6, err_msg=mode)


@pytest.mark.parametrize("seed", range(3))
def test_resize_of_several_axes(seed: int) -> None:
    rng = default_rng(seed)
    x = normal(rng, 2, 3, 4, 5)
    height, width = rng.integers(1, 9, 2).tolist()

    def resize(x, shape, dims, mode, interpolation="LINEAR"):
        return mb.resize(
            x=x,
            shape=np.array(shape, np.int32),
            resized_dims=np.uint32(dims),
            interpolation_mode=interpolation,
            sampling_mode=mode,
        )

    def build(x):
        return (
            *(resize(x, [1, height, width], 2, mode) for mode in MODES),
            resize(x, [7, 0, width], 2, "DEFAULT"),
            resize(x, [6, height, width], 3, "UNALIGN_CORNERS"),
            resize(x, [height, width], 2, "DEFAULT", "NEAREST_NEIGHBOR"),
            resize(x, [height, 0], 2, "DEFAULT", "NEAREST_NEIGHBOR"),
        )

    results = interpreted(build, x, opset="iOS17")
    for y, mode in zip(results, MODES, strict=False):
        rows, columns = documented_points(mode, 4, height), documented_points(mode, 5, width)
        np.testing.assert_allclose(y, sampled(x, rows, columns), atol=1e-6)
    kept, solid, nearest, nearest_rows = results[len(MODES) :]
    columns = documented_points("DEFAULT", 5, width)
    np.testing.assert_allclose(kept, sampled(x, [0, 1, 2, 3], columns), atol=1e-6)
    wanted = F.interpolate(torch.from_numpy(x)[:, None], (6, height, width), mode="trilinear")
    np.testing.assert_allclose(solid, wanted[:, 0], atol=1e-5)
    below = nearest_half_pixel(4, height)
    np.testing.assert_array_equal(nearest, x[:, :, below][..., nearest_half_pixel(5, width)])
    np.testing.assert_array_equal(nearest_rows, x[:, :, below])


def test_resize_to_a_shape_that_is_computed() -> None:
    x = normal(default_rng(0), 1, 2, 3, 4)
    (y,) = interpreted(
        lambda x, shape: mb.resize(x=x, shape=shape, resized_dims=np.uint32(2)),
        x,
        np.array([9, 5, 7], np.int32),
        opset="iOS17",
    )
    points = documented_points("DEFAULT", 3, 5), documented_points("DEFAULT", 4, 7)
    np.testing.assert_allclose(y, sampled(x, *points), atol=1e-6)


def test_resize_answers_what_coremltools_expects_of_core_ml() -> None:
    """Numbers of coremltools' own test of `resize`, which runs where Core ML does."""
    x = np.array([-6.174, 9.371], np.float32).reshape(1, 1, 1, 2, 1)
    (y,) = interpreted(
        lambda x: mb.resize(
            x=x,
            shape=[1, 1, 3, 2],
            resized_dims=np.uint32(2),
            interpolation_mode="NEAREST_NEIGHBOR",
        ),
        x,
        opset="iOS17",
    )
    np.testing.assert_array_equal(y.flatten(), np.float32([-6.174, -6.174, *[9.371] * 4]))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("opset", ["iOS15", "iOS16"])
def test_upsampling(seed: int, opset: str) -> None:
    rng = default_rng(seed)
    x = normal(rng, 2, 3, *rng.integers(2, 7, 2))
    factors = rng.integers(1, 4, 2).tolist()
    fractions = rng.uniform(0.6, 3.5, 2).astype(np.float32)

    def build(x):
        both = []
        for height, width in (factors, fractions):
            factor = {"scale_factor_height": height, "scale_factor_width": width}
            both += [
                mb.upsample_bilinear(x=x, **factor),
                mb.upsample_bilinear(x=x, **factor, align_corners=False),
            ]
        height, width = factors
        whole = {"scale_factor_height": height, "scale_factor_width": width}
        return (*both, mb.upsample_nearest_neighbor(x=x, **whole))

    results = interpreted(build, x, opset=opset)
    plain = torch.from_numpy(x)
    for place, (height, width) in enumerate((factors, fractions)):
        size = tuple(
            math.floor(side * float(factor))
            for side, factor in zip(x.shape[-2:], (height, width), strict=True)
        )
        wanted = (
            F.interpolate(plain, size, mode="bilinear", align_corners=True),
            F.interpolate(plain, size, mode="bilinear", align_corners=False),
        )
        for y, one in zip(results[2 * place :], wanted, strict=False):
            np.testing.assert_allclose(y, one, atol=2e-6)
    np.testing.assert_array_equal(results[-1], np.kron(x, np.ones(factors, np.float32)))


def test_a_fraction_of_a_cell_for_the_nearest_neighbor_is_refused() -> None:
    with pytest.raises(ArtifactError, match="no whole number"):
        interpreted(
            lambda x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=1.5),
            normal(default_rng(0), 1, 5, 4),
        )


def test_half_pixel_centers() -> None:
    x = normal(default_rng(0), 1, 2, 4, 5)

    def build(x):
        factor = {"scale_factor_height": 2, "scale_factor_width": 3}
        return (
            mb.upsample_bilinear(x=x, **factor, align_corners=False, half_pixel_centers=False),
            mb.upsample_bilinear(x=x, **factor, align_corners=False, half_pixel_centers=True),
            mb.upsample_bilinear(x=x, **factor, align_corners=True, half_pixel_centers=False),
        )

    modes = "DEFAULT", "UNALIGN_CORNERS", "STRICT_ALIGN_CORNERS"
    for y, mode in zip(interpreted(build, x), modes, strict=True):
        points = documented_points(mode, 4, 8), documented_points(mode, 5, 15)
        np.testing.assert_allclose(y, sampled(x, *points), atol=1e-6)
    with pytest.raises(ArtifactError, match="both true"):
        interpreted(
            lambda x: mb.upsample_bilinear(x=x, align_corners=True, half_pixel_centers=True), x
        )


def test_a_scaled_side_is_a_float32_product() -> None:
    # 10 times the float32 next to 0.7 lies below 7, and rounds to it.
    x = normal(default_rng(0), 1, 10, 10)
    (y,) = interpreted(
        lambda x: mb.upsample_bilinear(x=x, scale_factor_height=0.7, scale_factor_width=1.1),
        x,
    )
    assert y.shape == (1, 7, 11)


def test_resize_nearest_neighbor() -> None:
    sizes = [(6, 12), (25, 30), (2, 20), (1, 1), (7, 9)]
    x = normal(default_rng(0), 2, 10, 20)
    results = interpreted(
        lambda x: tuple(
            mb.resize_nearest_neighbor(x=x, target_size_height=height, target_size_width=width)
            for height, width in sizes
        ),
        x,
    )
    for y, (height, width) in zip(results, sizes, strict=True):
        rows, columns = nearest_half_pixel(10, height), nearest_half_pixel(20, width)
        np.testing.assert_array_equal(y, x[:, rows][..., columns])


def test_crop() -> None:
    x = normal(default_rng(0), 2, 5, 6)
    (y,) = interpreted(lambda x: mb.crop(x=x, crop_height=[1, 0], crop_width=[2, 1]), x)
    np.testing.assert_array_equal(y, x[:, 1:, 2:-1])


PADDINGS = {
    "constant": "zeros",
    "border": "border",
    "reflection": "reflection",
    "symmetric": "reflection",
}


@pytest.mark.parametrize("opset", ["iOS15", "iOS17"])
@pytest.mark.parametrize("sampling", ["bilinear", "nearest"])
def test_resample(sampling: str, opset: str) -> None:
    rng = default_rng(1)
    x = normal(rng, 2, 3, 5, 6)
    grid = rng.uniform(-2.5, 2.5, (2, 4, 7, 2)).astype(np.float32)
    # PyTorch reflects about the corners it aligns; other combinations it does not have.
    cases = [
        (padding, align)
        for padding in PADDINGS
        for align in (False, True)
        if (padding, align) not in (("reflection", False), ("symmetric", True))
    ]

    def resample(x, coordinates, padding, align, mode):
        return mb.resample(
            x=x,
            coordinates=coordinates,
            sampling_mode=sampling,
            padding_mode=padding,
            padding_value=0.0,
            coordinates_mode=mode,
            align_corners=align,
        )

    def build(x, grid, half, places):
        one = "normalized_minus_one_to_one"
        return (
            *(resample(x, grid, padding, align, one) for padding, align in cases),
            resample(x, half, "border", True, "normalized_zero_to_one"),
            resample(x, places, "border", True, "unnormalized"),
        )

    places = (grid + 1) / 2 * np.float32([5, 4])
    results = interpreted(build, x, grid, (grid + 1) / 2, places, opset=opset)
    operands = torch.from_numpy(x), torch.from_numpy(grid)
    for y, (padding, align) in zip(
        results, [*cases, ("border", True), ("border", True)], strict=True
    ):
        wanted = F.grid_sample(*operands, sampling, PADDINGS[padding], align)
        np.testing.assert_allclose(y, wanted, atol=1e-5, err_msg=f"{padding} {align}")


def test_padding_of_the_documentation() -> None:
    rows = {
        "constant": [9, 9, 9, 1, 2, 3, 9, 9, 9],
        "border": [1, 1, 1, 1, 2, 3, 3, 3, 3],
        "reflection": [2, 3, 2, 1, 2, 3, 2, 1, 2],
        "symmetric": [3, 2, 1, 1, 2, 3, 3, 2, 1],
    }
    places = np.stack([np.arange(-3, 6), np.zeros(9)], -1).astype(np.int32).reshape(1, 1, 9, 2)

    def build(x, places):
        return tuple(
            mb.resample(
                x=x,
                coordinates=places,
                sampling_mode="bilinear",
                padding_mode=padding,
                padding_value=9.0,
                coordinates_mode="unnormalized",
                align_corners=False,
            )
            for padding in rows
        )

    results = interpreted(build, np.array([1, 2, 3], np.float32).reshape(1, 1, 1, 3), places)
    assert [y.flatten().tolist() for y in results] == list(rows.values())


@pytest.mark.parametrize("matrices", [1, 2])
def test_affine(matrices: int) -> None:
    rng = default_rng(2)
    x, matrix = normal(rng, 2, 3, 5, 6), normal(rng, matrices, 6)
    (y,) = interpreted(
        lambda x, matrix: mb.affine(
            x=x,
            transform_matrix=matrix,
            output_height=4,
            output_width=7,
            sampling_mode="bilinear",
            padding_mode="constant",
            padding_value=0.0,
            coordinates_mode="normalized_minus_one_to_one",
            align_corners=True,
        ),
        x,
        matrix,
    )
    theta = torch.from_numpy(matrix).reshape(-1, 2, 3).expand(2, 2, 3)
    grid = F.affine_grid(theta, [2, 3, 4, 7], align_corners=True)
    wanted = F.grid_sample(torch.from_numpy(x), grid, align_corners=True)
    np.testing.assert_allclose(y, wanted, atol=1e-5)


def test_float16_rounds_the_float32_result() -> None:
    x = normal(default_rng(0), 1, 2, 4, 5).astype(np.float16)

    def build(x):
        return (
            mb.upsample_bilinear(x=x, scale_factor_height=2, scale_factor_width=3),
            mb.resize_bilinear(
                x=x,
                target_size_height=3,
                target_size_width=9,
                sampling_mode="UNALIGN_CORNERS",
            ),
            mb.upsample_nearest_neighbor(x=x, scale_factor_height=2),
        )

    plain = torch.from_numpy(x).float()
    wanted = (
        F.interpolate(plain, (8, 15), mode="bilinear", align_corners=True),
        F.interpolate(plain, (3, 9), mode="bilinear"),
        F.interpolate(plain, (8, 5)),
    )
    for y, one in zip(interpreted(build, x), wanted, strict=True):
        assert y.dtype == np.float16
        np.testing.assert_array_max_ulp(y, one.half().numpy())


class Interpolate(nn.Module):
    def forward(self, x):
        return (
            F.interpolate(x, (8, 15), mode="bilinear", align_corners=True),
            F.interpolate(x, (8, 15), mode="bilinear", align_corners=False),
            F.interpolate(x, (7, 11), mode="bilinear", align_corners=True),
            F.interpolate(x, (7, 11), mode="bilinear", align_corners=False),
            F.interpolate(x, scale_factor=3, mode="bilinear"),
            F.interpolate(x, scale_factor=2, mode="nearest"),
            F.interpolate(x, (6, 13), mode="nearest"),
        )


class GridSample(nn.Module):
    def forward(self, x, grid):
        return (
            F.grid_sample(x, grid, align_corners=False),
            F.grid_sample(x, grid, "nearest", "border", align_corners=True),
            F.grid_sample(x, grid, "bilinear", "reflection", align_corners=False),
        )


def test_converted_modules() -> None:
    torch.manual_seed(0)
    assert_converts(Interpolate(), torch.randn(2, 3, 4, 5))
    assert_converts(GridSample(), torch.randn(2, 3, 4, 5), 3 * torch.rand(2, 3, 6, 2) - 1.5)
