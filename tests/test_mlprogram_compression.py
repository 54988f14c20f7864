"""Quantized activations and compressed weights, against coremltools' decompression and numpy."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from mil_programs import Array, inferred, interpreted, mb
from numpy.random import Generator, default_rng

from squeezesam.errors import ArtifactError
from squeezesam_export.targets.quiet import quiet

with quiet():
    from coremltools.converters.mil.mil import types
    from coremltools.converters.mil.mil.ops.defs.iOS18 import compression

pytestmark = pytest.mark.slow

SUB_BYTE = {
    "int4": types.np_int4_dtype,
    "uint1": types.np_uint1_dtype,
    "uint2": types.np_uint2_dtype,
    "uint3": types.np_uint3_dtype,
    "uint4": types.np_uint4_dtype,
    "uint6": types.np_uint6_dtype,
}
RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int4": (-8, 7), "uint4": (0, 15)}


def normal(rng: Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, dtype=np.float32)


def bits_of(name: str) -> int:
    return int(name.removeprefix("uint"))


def integers(rng: Generator, name: str, *shape: int) -> Array:
    """Whole numbers of a type, with the least and the largest among them."""
    low, high = RANGES.get(name) or (0, 2 ** bits_of(name) - 1)
    values = rng.integers(low, high + 1, shape)
    values.flat[0], values.flat[-1] = low, high
    return values.astype(SUB_BYTE.get(name, name))


def decompressed(
    makes: list[Callable[[], Any]], wanted: list[Array], opset: str
) -> tuple[Array, ...]:
    """Weights as the interpreter makes them, once they are what coremltools itself makes."""

    def build(*zeros):
        results = []
        for make, zero, array in zip(makes, zeros, wanted, strict=True):
            weight = make()
            known = weight.op.materialized_val_inference()
            np.testing.assert_allclose(known, array, rtol=1e-6)
            results.append(mb.add(x=zero, y=weight))
        return tuple(results)

    answers = interpreted(build, *(np.zeros_like(one) for one in wanted), opset=opset)
    for answer, array in zip(answers, wanted, strict=True):
        assert answer.dtype == array.dtype
    return answers


def shaped_along(parameter: Array, axis: int, ndim: int) -> Array:
    return (
        parameter
        if parameter.ndim == 0
        else np.moveaxis(parameter.reshape(-1, *(1,) * (ndim - 1)), 0, axis)
    )


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantize(dtype: str) -> None:
    rng = default_rng(0)
    x = 100 * normal(rng, 2, 3, 4, 5)
    cases = []
    for axis in (None, 1, -1):
        shape = () if axis is None else (x.shape[axis],)
        case = {"scale": (rng.random(shape) + 0.3).astype(np.float32), "output_dtype": dtype}
        where = {} if axis is None else {"axis": axis}
        zero_point = np.array(rng.integers(*RANGES[dtype], shape), dtype)
        cases += [case | where, case | where | {"zero_point": zero_point}]

    def build(x):
        return tuple(mb.cast(x=mb.quantize(input=x, **case), dtype="int32") for case in cases)

    results = interpreted(build, x, opset="iOS17")
    known = inferred(build, x, opset="iOS17")
    for y, one, case in zip(results, known, cases, strict=True):
        np.testing.assert_array_equal(y, one)
        axis = case.get("axis", 0)
        steps = np.rint(x / shaped_along(case["scale"], axis, 4))
        zero_point = np.asarray(case.get("zero_point", 0), np.int32)
        wanted = np.clip(steps + shaped_along(zero_point, axis, 4), *RANGES[dtype])
        np.testing.assert_array_equal(y, wanted)
        assert set(RANGES[dtype]) <= set(y.flat)  # it saturates on either side


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_quantize_rounds_ties_to_even_before_the_zero_point(dtype) -> None:
    # The documentation says `round` only; coremltools takes numpy's.
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.0], dtype)

    def build(x):
        step = mb.quantize(input=x, scale=dtype(1), zero_point=np.int8(1), output_dtype="int8")
        return mb.cast(x=step, dtype="int32")

    (y,) = interpreted(build, x, opset="iOS17")
    assert y.tolist() == [-1, -1, 1, 1, 3, 3, 4]
    np.testing.assert_array_equal(y, *inferred(build, x, opset="iOS17"))


def test_quantize_of_float16_does_not_round_the_quotient() -> None:
    # 24.507 becomes 24.5 in float16, and 24 when that is rounded; coremltools computes so. The
    # documentation does not say, and hardware that divides in float16 may differ by one step.
    x, scale = np.array([4.152], np.float16), np.float16(0.1694)

    def build(x):
        return mb.cast(x=mb.quantize(input=x, scale=scale, output_dtype="int8"), dtype="int32")

    (y,) = interpreted(build, x, opset="iOS17")
    assert y.tolist() == [25]
    assert inferred(build, x, opset="iOS17")[0].tolist() == [24]


@pytest.mark.parametrize("source", ["int8", "uint8"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dequantize(source: str, dtype) -> None:
    rng = default_rng(1)
    x = normal(rng, 3, 4, 5).astype(dtype)
    cases = []
    for axis in (None, 1, -1):
        shape = () if axis is None else (x.shape[axis],)
        case = {"scale": np.asarray(rng.random(shape) + 0.1, dtype)}
        where = {} if axis is None else {"axis": axis}
        zero_point = np.array(rng.integers(*RANGES[source], shape), source)
        cases += [case | where, case | where | {"zero_point": zero_point}]

    def build(x):
        # Not a constant, which coremltools would fold.
        steps = mb.quantize(input=x, scale=dtype(0.02), output_dtype=source)
        return (
            mb.cast(x=steps, dtype="int32"),
            *(mb.dequantize(input=steps, **case) for case in cases),
        )

    steps, *results = interpreted(build, x, opset="iOS17")
    for y, case in zip(results, cases, strict=True):
        axis = case.get("axis", 0)
        zero_point = np.asarray(case.get("zero_point", 0), np.int32)
        scale = shaped_along(case["scale"].astype(np.float32), axis, 3)
        wanted = scale * (steps - shaped_along(zero_point, axis, 3))
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, wanted.astype(dtype))


def test_dequantize_as_coremltools_does() -> None:
    rng = default_rng(2)
    data = integers(rng, "int8", 3, 4)
    scale, zero_point = rng.random(4, np.float32), integers(rng, "int8", 4)
    wanted = scale * (data.astype(np.int32) - zero_point)
    make = [lambda: mb.dequantize(input=data, scale=scale, zero_point=zero_point, axis=1)]
    (y,) = decompressed(make, [wanted.astype(np.float32)], "iOS17")
    np.testing.assert_allclose(y, wanted, rtol=1e-6)


@pytest.mark.parametrize("opset", ["iOS16", "iOS17"])
@pytest.mark.parametrize("source", ["int8", "uint8"])
def test_affine_dequantize(source: str, opset: str) -> None:
    rng = default_rng(3)
    makes, wanted = [], []
    for dtype in (np.float16, np.float32):
        for axis in (0, 1, -1):
            for scalar in (False, True):
                data = integers(rng, source, 2, 3, 4)
                shape = () if scalar else (data.shape[axis],)
                scale = np.asarray(rng.random(shape) + 0.1, dtype)
                zero_point = np.array(rng.integers(*RANGES[source], shape), source)
                makes.append(
                    lambda data=data, scale=scale, zero_point=zero_point, axis=axis: (
                        mb.constexpr_affine_dequantize(
                            quantized_data=data, zero_point=zero_point, scale=scale, axis=axis
                        )
                    )
                )
                steps = data.astype(np.float32) - shaped_along(zero_point, axis, 3)
                dense = shaped_along(scale.astype(np.float32), axis, 3) * steps
                wanted.append(dense.astype(dtype))
    for y, one in zip(decompressed(makes, wanted, opset), wanted, strict=True):
        np.testing.assert_array_equal(y, one)


@pytest.mark.parametrize("opset", ["iOS16", "iOS17", "iOS18"])
def test_constexpr_cast(opset: str) -> None:
    values = normal(default_rng(4), 3, 4).astype(np.float16)
    make = [lambda: mb.constexpr_cast(source_val=values, output_dtype="fp32")]
    (y,) = decompressed(make, [values.astype(np.float32)], opset)
    np.testing.assert_array_equal(y, values)


def packed(values: Array, bits: int) -> Array:
    """Numbers of so many bits in bytes, from the lowest bit on."""
    number = sum(int(value) << (bits * place) for place, value in enumerate(values.flatten()))
    return np.frombuffer(number.to_bytes(-(-bits * values.size // 8), "little"), np.uint8)


@pytest.mark.parametrize("opset", ["iOS16", "iOS17"])
def test_lut_to_dense_ios16(opset: str) -> None:
    rng = default_rng(5)
    makes, wanted = [], []
    for bits, dtype in product((1, 2, 4, 6, 8), (np.float16, np.float32)):
        table = normal(rng, 2**bits).astype(dtype)
        indices = rng.integers(0, 2**bits, (3, 1, 5))
        data = packed(indices, bits)
        makes.append(
            lambda table=table, data=data: mb.constexpr_lut_to_dense(
                indices=data, lut=table, shape=np.uint32([3, 1, 5])
            )
        )
        wanted.append(table[indices])
    for y, one in zip(decompressed(makes, wanted, opset), wanted, strict=True):
        np.testing.assert_array_equal(y, one)


@pytest.mark.parametrize("opset", ["iOS16", "iOS17"])
def test_sparse_to_dense_ios16(opset: str) -> None:
    rng = default_rng(6)
    makes, wanted = [], []
    for shape, dtype in product(((5,), (3, 7), (2, 1, 4, 4)), (np.float16, np.float32)):
        mask = rng.random(shape) < 0.5
        dense = np.where(mask, normal(rng, *shape), 0).astype(dtype)
        makes.append(
            lambda dense=dense, mask=mask: mb.constexpr_sparse_to_dense(
                nonzero_data=dense[mask], mask=packed(mask, 1), shape=np.uint32(dense.shape)
            )
        )
        wanted.append(dense)
    for y, one in zip(decompressed(makes, wanted, opset), wanted, strict=True):
        np.testing.assert_array_equal(y, one)


def repeated(parameter: Array, shape: tuple[int, ...]) -> Array:
    """A parameter in blocks of the shape of the data."""
    return parameter[
        np.ix_(*(np.arange(n) * k // n for n, k in zip(shape, parameter.shape, strict=True)))
    ]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_blockwise_shift_scale(dtype) -> None:
    rng = default_rng(7)
    makes, wanted = [], []
    for source in ("int4", "uint4", "int8", "uint8"):
        for blocks in ((1, 1), (6, 1), (3, 2), (6, 10)):
            for with_offset in (False, True):
                data = integers(rng, source, 6, 10)
                scale = (rng.random(blocks) + 0.1).astype(dtype)
                offset = {"offset": integers(rng, source, *blocks)} if with_offset else {}
                makes.append(
                    lambda data=data, scale=scale, offset=offset: (
                        mb.constexpr_blockwise_shift_scale(data=data, scale=scale, **offset)
                    )
                )
                shift = repeated(offset.get("offset", np.zeros((1, 1))), data.shape)
                steps = data.astype(np.float32) - shift.astype(np.float32)
                dense = repeated(scale, data.shape).astype(np.float32) * steps
                wanted.append(dense.astype(dtype))
    for y, one in zip(decompressed(makes, wanted, "iOS18"), wanted, strict=True):
        np.testing.assert_array_equal(y, one)


def looked_up(indices: Array, lut: Array, axis: int | None) -> Array:
    """Entries, element by element, as the documentation's examples place them."""
    shape = list(indices.shape)
    if axis is not None:
        shape[axis] *= lut.shape[-1]
    dense = np.zeros(shape, lut.dtype)
    for place in np.ndindex(*indices.shape):
        table = tuple(
            p // (side // number)
            for p, side, number in zip(place, indices.shape, lut.shape, strict=False)
        )
        for part, value in enumerate(lut[table][indices[place]]):
            where = list(place)
            if axis is not None:
                where[axis] = place[axis] * lut.shape[-1] + part
            dense[tuple(where)] = value
    return dense


LUT_CASES = [
    ((6, 4), (1, 1), None, 1),
    ((6, 4), (2, 1), None, 1),
    ((6, 4), (3, 2), 0, 1),
    ((6, 4), (1, 1), 0, 3),
    ((6, 4), (3, 2), 1, 2),
    ((6, 4), (2, 4), -2, 2),
    ((2, 3, 4), (1, 3, 2), 1, 2),
]


@pytest.mark.parametrize("names", [("uint1", "uint2", "uint3"), ("uint4", "uint6", "uint8")])
def test_lut_to_dense_ios18(names: tuple[str, ...]) -> None:
    rng = default_rng(8)
    makes, wanted = [], []
    for name, (shape, tables, axis, width) in product(names, LUT_CASES):
        indices = integers(rng, name, *shape)
        lut = normal(rng, *tables, 2 ** bits_of(name), width).astype(np.float16)
        where = {} if axis is None else {"vector_axis": axis}
        makes.append(
            lambda indices=indices, lut=lut, where=where: mb.constexpr_lut_to_dense(
                indices=indices, lut=lut, **where
            )
        )
        wanted.append(looked_up(indices, lut, axis))
    for y, one in zip(decompressed(makes, wanted, "iOS18"), wanted, strict=True):
        np.testing.assert_array_equal(y, one)


def test_lut_of_the_documentation() -> None:
    indices = np.array([2, 3, 3, 0, 1, 0, 3, 0, 2, 1, 0, 3]).reshape(6, 2)
    lut = np.float16([1, 5, 9, 13, 2, 10, 18, 26]).reshape(2, 1, 4, 1)
    wanted = np.float16([9, 13, 13, 1, 5, 1, 26, 2, 18, 10, 2, 26]).reshape(6, 2)
    make = [lambda: mb.constexpr_lut_to_dense(indices=indices.astype(SUB_BYTE["uint2"]), lut=lut)]
    np.testing.assert_array_equal(decompressed(make, [wanted], "iOS18"), [wanted])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_sparse_to_dense_ios18(dtype) -> None:
    rng = default_rng(9)
    mask = rng.random((3, 5)) < 0.5
    dense = np.where(mask, normal(rng, 3, 5), 0).astype(dtype)
    bits = mask.astype(SUB_BYTE["uint1"])
    make = [lambda: mb.constexpr_sparse_to_dense(nonzero_data=dense[mask], mask=bits)]
    (y,) = decompressed(make, [dense], "iOS18")
    np.testing.assert_array_equal(y, dense)


def test_lut_to_sparse() -> None:
    rng = default_rng(10)
    makes, wanted = [], []
    for shape, tables, axis, width in LUT_CASES:
        mask = rng.random(shape) < 0.6
        indices = np.where(mask, rng.integers(0, 4, shape), 0)
        lut = normal(rng, *tables, 4, width).astype(np.float16)

        def make(mask=mask, indices=indices, lut=lut, axis=axis):
            wide_mask, values = mb.constexpr_lut_to_sparse(
                indices_mask=mask.astype(SUB_BYTE["uint1"]),
                indices_nonzero_data=indices[mask].astype(SUB_BYTE["uint2"]),
                lut=lut,
                **({} if axis is None else {"vector_axis": axis}),
            )
            return mb.constexpr_sparse_to_dense(nonzero_data=values, mask=wide_mask)

        makes.append(make)
        wide = mask if axis is None else mask.repeat(width, axis=axis)
        wanted.append(np.where(wide, looked_up(indices, lut, axis), 0).astype(np.float16))
    for y, one in zip(decompressed(makes, wanted, "iOS18"), wanted, strict=True):
        np.testing.assert_array_equal(y, one)


def test_sparse_blockwise_shift_scale() -> None:
    rng = default_rng(11)
    makes, wanted = [], []
    for source in ("int4", "uint4", "int8", "uint8"):
        mask = rng.random((4, 6)) < 0.6
        data = integers(rng, source, 4, 6)
        scale = rng.random((2, 3), np.float32)
        offset = integers(rng, source, 2, 3)

        def make(mask=mask, data=data, scale=scale, offset=offset):
            same_mask, values = mb.constexpr_sparse_blockwise_shift_scale(
                data_mask=mask.astype(SUB_BYTE["uint1"]),
                nonzero_data=data[mask].astype(data.dtype),
                scale=scale,
                offset=offset,
            )
            return mb.constexpr_sparse_to_dense(nonzero_data=values, mask=same_mask)

        makes.append(make)
        steps = data.astype(np.float32) - repeated(offset, (4, 6)).astype(np.float32)
        dense = np.where(mask, repeated(scale, (4, 6)) * steps, 0)
        wanted.append(dense.astype(np.float32))
    for y, one in zip(decompressed(makes, wanted, "iOS18"), wanted, strict=True):
        np.testing.assert_array_equal(y, one)


def test_a_table_of_integers_is_scaled() -> None:
    rng = default_rng(12)
    indices, lut = integers(rng, "uint4", 4, 6), integers(rng, "int8", 1, 1, 16, 1)
    scale = rng.random((4, 1), np.float32)

    def make():
        steps = mb.constexpr_lut_to_dense(indices=indices, lut=lut)
        return mb.constexpr_blockwise_shift_scale(data=steps, scale=scale)

    wanted = scale * lut.flatten()[indices]
    np.testing.assert_array_equal(decompressed([make], [wanted], "iOS18"), [wanted])


def test_too_few_values_for_a_mask_are_refused(monkeypatch) -> None:
    # As coremltools does, unless its check is left out.
    operator = compression.constexpr_sparse_to_dense
    monkeypatch.setattr(operator, "_validate_sparse_inputs", lambda *_: None)
    mask = np.ones((2, 3)).astype(SUB_BYTE["uint1"])

    def build(x):
        return mb.add(
            x=x, y=mb.constexpr_sparse_to_dense(nonzero_data=np.ones(4, np.float32), mask=mask)
        )

    with pytest.raises(ArtifactError, match="4 values for 6 places"):
        interpreted(build, np.zeros((2, 3), np.float32), opset="iOS18")
