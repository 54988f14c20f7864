"""Joining, splitting, filling, sorting, rearranging, reading and writing at computed places."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from mil_cases import NOT_EVALUATED, OPSETS, Case, Cases, covers, flag, floats, ints, like, sides
from mil_programs import Array, inferred, interpreted, mb
from numpy.random import Generator
from torch.nn import functional as F

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram import registry
from squeezesam_export.mlprogram.ops import scatter_gather, tensor_operation, tensor_transformation

pytestmark = pytest.mark.slow

CASES = Cases()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("opset", OPSETS)
def test_answers_as_documented(opset: int, seed: int) -> None:
    CASES.check(opset, seed)


@pytest.mark.parametrize("opset", OPSETS[1:])  # no model takes float16 before iOS 16
def test_float16_is_float32_rounded(opset: int) -> None:
    CASES.check(opset, seed=opset, half=True)


def test_each_operator_has_a_case() -> None:
    covers(CASES, (scatter_gather, tensor_operation, tensor_transformation))


def axis_of(rng: Generator, rank: int) -> int:
    """Some axis, counted from either end."""
    return int(rng.integers(-rank, rank))


def either(rng: Generator, *shape: int) -> Array:
    """Floats or integers."""
    return floats(rng, *shape) if flag(rng) else ints(rng, *shape)


# Joining, splitting, filling and sorting.


@CASES.of("band_part")
def band_part(rng: Generator, _: int) -> Case:
    lower, upper = (int(one) for one in rng.integers(-1, 4, 2))

    def expected(x: Array) -> tuple[Array, ...]:
        lowest = -lower if lower >= 0 else -x.shape[-2]
        highest = upper if upper >= 0 else x.shape[-1]
        return x, np.triu(np.tril(x, highest), lowest)

    return Case(
        lambda x: (mb.band_part(x=x), mb.band_part(x=x, lower=lower, upper=upper)),
        (either(rng, *sides(rng, int(rng.integers(2, 4)))),),
        expected,
        exact=True,
    )


def summed(x: Array, axis: int, exclusive: bool, reverse: bool) -> Array:
    x = x.astype(np.float64 if x.dtype.kind == "f" else x.dtype)
    x = np.flip(x, axis) if reverse else x
    sums = np.cumsum(x, axis) - x if exclusive else np.cumsum(x, axis)
    return (np.flip(sums, axis) if reverse else sums).astype(
        np.float32 if x.dtype.kind == "f" else np.int32
    )


@CASES.of("cumsum")
def cumsum(rng: Generator, _: int) -> Case:
    x = either(rng)
    axis, reverse = int(rng.integers(-1, x.ndim)), flag(rng)
    return Case(
        lambda x: (mb.cumsum(x=x), mb.cumsum(x=x, axis=axis, reverse=reverse)),
        (x,),
        lambda x: (summed(x, 0, False, False), summed(x, axis, False, reverse)),
    )


@CASES.of("cumsum")
def exclusive_cumsum(rng: Generator, _: int) -> Case:
    x = either(rng)
    axis, reverse = int(rng.integers(-1, x.ndim)), flag(rng)
    return Case(
        lambda x: mb.cumsum(x=x, axis=axis, exclusive=True, reverse=reverse),
        (x,),
        lambda x: summed(x, axis, True, reverse),
        unlike="coremltools raises a TypeError of its own",
    )


@CASES.of("fill")
def fill(rng: Generator, _: int) -> Case:
    shape = sides(rng)
    return Case(
        lambda: (
            mb.fill(shape=shape),
            mb.fill(shape=shape, value=2.5),
            mb.fill(shape=shape, value=7),
            mb.fill(shape=shape, value=True),
        ),
        (),
        lambda: (
            np.zeros(shape, np.float32),
            np.full(shape, 2.5, np.float32),
            np.full(shape, 7),
            np.full(shape, True),
        ),
    )


@CASES.of("fill")
def fill_of_a_shape_computed(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.fill(shape=mb.shape(x=x), value=np.int32(3)),
        (floats(rng),),
        lambda x: np.full(x.shape, 3),
    )


@CASES.of("fill_like", since=6)
def fill_like(rng: Generator, _: int) -> Case:
    # In the value's type; the documentation also calls it that of ref_tensor.
    return Case(
        lambda x: (mb.fill_like(ref_tensor=x, value=7), mb.fill_like(ref_tensor=x, value=True)),
        (floats(rng),),
        lambda x: (np.full(x.shape, 7), np.full(x.shape, True)),
    )


@CASES.of("fill_like", since=6)
def fill_like_with_zeros(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.fill_like(ref_tensor=x), (ints(rng),), lambda x: np.zeros(x.shape, np.float32)
    )


@CASES.of("non_zero")
def non_zero(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: (mb.non_zero(x=x), mb.non_zero(x=mb.cast(x=x, dtype="bool"))),
        (ints(rng, low=-1, high=1),),
        lambda x: (np.argwhere(x), np.argwhere(x)),
    )


@CASES.of("one_hot")
def one_hot(rng: Generator, _: int) -> Case:
    indices = ints(rng, *sides(rng, int(rng.integers(1, 4))), low=0, high=4)
    axis = int(rng.integers(-indices.ndim - 1, indices.ndim + 1))

    def expected(indices: Array) -> tuple[Array, ...]:
        ones = F.one_hot(torch.from_numpy(indices).long(), 5).numpy()
        moved = np.moveaxis(ones, -1, axis)
        return ones, np.where(moved, np.float32(2.5), np.float32(-1)), moved.astype(bool)

    return Case(
        lambda x: (
            mb.one_hot(indices=x, one_hot_vector_size=5),
            mb.one_hot(indices=x, one_hot_vector_size=5, axis=axis, on_value=2.5, off_value=-1.0),
            mb.one_hot(indices=x, one_hot_vector_size=5, axis=axis, on_value=True, off_value=False),
        ),
        (indices,),
        expected,
        unlike=NOT_EVALUATED,
    )


@CASES.of("pad")
def pad(rng: Generator, _: int) -> Case:
    x = floats(rng, *sides(rng, int(rng.integers(1, 5))))
    padded = int(rng.integers(1, x.ndim + 1))  # so many of the last axes
    places = rng.integers(0, 2, 2 * padded)  # the least side is 2, and reflect takes one less
    margins = [(0, 0)] * (x.ndim - padded) + places.reshape(-1, 2).tolist()
    return Case(
        lambda x: (
            mb.pad(x=x, pad=places, constant_val=like(0, x)),
            mb.pad(x=x, pad=3 * places, mode="constant", constant_val=like(1.5, x)),
            mb.pad(x=x, pad=places, mode="reflect", constant_val=like(0, x)),
            mb.pad(x=x, pad=2 * places, mode="replicate", constant_val=like(0, x)),
        ),
        (x,),
        lambda x: (
            np.pad(x, margins),
            np.pad(x, 3 * np.array(margins), constant_values=1.5),
            np.pad(x, margins, "reflect"),
            np.pad(x, 2 * np.array(margins), "edge"),
        ),
        exact=True,
    )


@pytest.mark.parametrize(("mode", "most"), [("reflect", 2), ("replicate", 3)])
def test_pad_mirrors_no_more_than_there_is(mode: str, most: int) -> None:
    x = np.arange(3, dtype=np.float32)

    def padded(number: int) -> Array:
        return interpreted(lambda x: mb.pad(x=x, pad=[0, number], mode=mode), x)[0]

    np.testing.assert_array_equal(
        padded(most), np.pad(x, (0, most), {"replicate": "edge"}.get(mode, mode))
    )
    with pytest.raises(ArtifactError, match=f"pads 0 and {most + 1}, at most {most}"):
        padded(most + 1)


@CASES.of("range_1d")
def range_1d(rng: Generator, _: int) -> Case:
    start, step = int(rng.integers(-9, 9)), int(rng.choice([-3, -1, 1, 2]))
    end = start + step * int(rng.integers(1, 9)) - (step > 1)
    return Case(
        lambda: (
            mb.range_1d(start=start, end=end, step=step),
            mb.range_1d(start=start / 4, end=end / 4, step=step / 4),
        ),
        (),
        lambda: (
            np.arange(start, end, step),
            np.arange(start, end, step).astype(np.float32) / 4,
        ),
    )


@CASES.of("range_1d")
def range_1d_computed(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.range_1d(start=0, end=mb.squeeze(x=x), step=1),
        (ints(rng, 1, low=1),),
        lambda x: np.arange(x[0]),
    )


@CASES.of("tile")
def tile(rng: Generator, _: int) -> Case:
    x = either(rng)
    reps = ints(rng, x.ndim, low=1, high=3)
    return Case(lambda x: mb.tile(x=x, reps=reps), (x,), lambda x: np.tile(x, reps), exact=True)


def distinct(rng: Generator) -> Array:
    """Floats or integers of which none are equal."""
    x = floats(rng)
    return x if flag(rng) else rng.permutation(x.size).reshape(x.shape).astype(np.int32)


def order(x: Array, axis: int, ascending: bool) -> Array:
    return np.argsort(x if ascending else -x, axis)


@CASES.of("argsort")
def argsort(rng: Generator, _: int) -> Case:
    x = distinct(rng)
    axis, ascending = axis_of(rng, x.ndim), flag(rng)
    return Case(
        lambda x: (mb.argsort(x=x), mb.argsort(x=x, axis=axis, ascending=ascending)),
        (x,),
        lambda x: (order(x, -1, False), order(x, axis, ascending)),
    )


@CASES.of("topk")
def topk(rng: Generator, opset: int) -> Case:
    x = distinct(rng)
    axis, ascending = axis_of(rng, x.ndim), flag(rng)
    k = int(rng.integers(1, x.shape[axis] + 1))
    given = {"k": k, "axis": axis, "ascending": ascending}

    def expected(x: Array) -> tuple[Array, ...]:
        first = np.take(order(x, -1, False), [0], -1)
        places = np.take(order(x, axis, ascending), range(k), axis)
        best, values = np.take_along_axis(x, first, -1), np.take_along_axis(x, places, axis)
        results = (best, first, values, places)
        results += (values,) if opset >= 6 else ()
        return results + ((values, places) if opset >= 7 else ())

    def build(x: Any) -> tuple[Any, ...]:
        results = (*mb.topk(x=x), *mb.topk(x=x, **given))
        if opset >= 6:
            results += (mb.topk(x=x, **given, return_indices=False),)
        if opset >= 7:
            results += tuple(mb.topk(x=x, **given, output_indices_dtype="uint16"))
        return results

    return Case(build, (x,), expected, exact=True)


def test_topk_takes_all_from_ios17_on() -> None:
    found, before = (registry.find("topk", opset) for opset in (7, 6))
    assert found
    assert before
    x = torch.tensor([2.0, 3.0, 1.0])
    values, places = found.function(x, k=-1)
    assert (values.tolist(), places.tolist()) == ([3, 2, 1], [1, 0, 2])
    # coremltools takes all but one, and declares a side of -1, so that no program is saved.
    assert len(inferred(lambda x: mb.topk(x=x, k=-1), x.numpy(), opset="iOS17")[0]) == 2
    with pytest.raises(RuntimeError):
        before.function(x, k=-1)
    with pytest.raises(registry.UnsupportedError, match="'int8'"):
        found.function(x, output_indices_dtype="int8")


@CASES.of("flatten2d")
def flatten2d(rng: Generator, _: int) -> Case:
    x = either(rng, *sides(rng, int(rng.integers(2, 5))))
    axis = int(rng.integers(1, x.ndim)) - x.ndim * flag(rng)
    return Case(
        lambda x: (mb.flatten2d(x=x), mb.flatten2d(x=x, axis=axis)),
        (x,),
        lambda x: tuple(
            x.reshape(math.prod(x.shape[:along]), math.prod(x.shape[along:])) for along in (1, axis)
        ),
        exact=True,
    )


@CASES.of("flatten2d")
def flatten2d_at_the_first_axis(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.flatten2d(x=x, axis=0),
        (either(rng),),
        lambda x: x.reshape(1, -1),
        exact=True,
        unlike="coremltools raises numpy's error, since it takes 1.0 for the empty product",
    )


@CASES.of("shape")
def shape(rng: Generator, _: int) -> Case:
    return Case(lambda x: mb.shape(x=x), (either(rng),), lambda x: np.array(x.shape))


@CASES.of("concat")
def concat(rng: Generator, _: int) -> Case:
    shape = sides(rng)
    axis = axis_of(rng, len(shape))
    x, y, z = (floats(rng, *shape) for _ in range(3))
    z = np.take(z, [0], axis)
    return Case(
        lambda x, y, z: mb.concat(values=(x, y, z), axis=axis),
        (x, y, z),
        lambda *values: np.concatenate(values, axis),
        exact=True,
    )


@CASES.of("concat")
def concat_interleaved(rng: Generator, _: int) -> Case:
    shape = sides(rng)
    axis = axis_of(rng, len(shape))

    def expected(x: Array, y: Array) -> Array:
        result = np.repeat(x, 2, axis)
        np.moveaxis(result, axis, 0)[1::2] = np.moveaxis(y, axis, 0)
        return result

    return Case(
        lambda x, y: mb.concat(values=(x, y), axis=axis, interleave=True),
        (floats(rng, *shape), floats(rng, *shape)),
        expected,
        exact=True,
        unlike="coremltools ignores interleave",
    )


@CASES.of("concat")
def concat_of_scalars(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.concat(
            values=[mb.gather(x=mb.shape(x=x), indices=place) for place in (1, 0)], axis=0
        ),
        (floats(rng, *sides(rng, 2)),),
        lambda x: np.array(x.shape[::-1]),
    )


@CASES.of("split")
def split(rng: Generator, _: int) -> Case:
    shape = list(sides(rng))
    axis = axis_of(rng, len(shape))
    sizes = ints(rng, 2, low=1, high=4)
    shape[axis] = int(2 * sizes.sum())

    def build(x: Any) -> tuple[Any, ...]:
        halves = mb.split(x=x, num_splits=2, axis=axis)
        parts = mb.split(x=halves[0], split_sizes=sizes, axis=axis)
        both = mb.split(x=halves[1], num_splits=2, split_sizes=sizes, axis=axis)
        return *halves, *parts, *both

    def expected(x: Array) -> tuple[Array, ...]:
        halves = np.split(x, 2, axis)
        parts = [part for half in halves for part in np.split(half, [sizes[0]], axis)]
        return *halves, *parts

    return Case(build, (either(rng, *shape),), expected, exact=True)


@pytest.mark.parametrize("parameters", [{}, {"num_splits": 2}])
def test_split_needs_sizes_that_fit(parameters: dict[str, int]) -> None:
    found = registry.find("split", 6)
    assert found
    with pytest.raises(registry.UnsupportedError, match="equal parts of 3"):
        found.function(torch.zeros(3), axis=0, **parameters)


@CASES.of("stack")
def stack(rng: Generator, _: int) -> Case:
    shape = sides(rng)
    axis = axis_of(rng, len(shape) + 1)
    return Case(
        lambda x, y: mb.stack(values=(x, y, x), axis=axis),
        (floats(rng, *shape), floats(rng, *shape)),
        lambda x, y: np.stack((x, y, x), axis),
        exact=True,
    )


@CASES.of("identity")
def identity(rng: Generator, _: int) -> Case:
    return Case(lambda x: mb.identity(x=x), (either(rng),), lambda x: x, exact=True)


# The documentation broadcasts cond too. Where it is larger than a and b, coremltools declares a
# smaller result than it evaluates to, and the interpreter refuses it.
@CASES.of("select")
def select(rng: Generator, _: int) -> Case:
    shape = sides(rng)
    return Case(
        lambda x, a, b: mb.select(cond=mb.cast(x=x, dtype="bool"), a=a, b=b),
        (
            ints(rng, *shape[-1:], low=0, high=1),
            floats(rng, *shape),
            floats(rng, *shape[:1], *(1,) * (len(shape) - 1)),
        ),
        lambda x, a, b: np.where(x, a, b),
        exact=True,
    )


# Rearranging.


def x_alone(
    kind: str, expected: Callable[..., Array], rank: int | None = None, since: int = 5, **given: Any
) -> None:
    """Add cases of an operator of x and parameters that are the same each time."""

    @CASES.of(kind, since=since)
    def case(rng: Generator, _: int) -> Case:
        return Case(
            lambda x: getattr(mb, kind)(x=x, **given),
            (either(rng, *sides(rng, rank)),),
            expected,
            True,
        )


x_alone("expand_dims", lambda x: x[None, :, None, :, None], 2, axes=[-1, 0, 2])
x_alone("expand_dims", lambda x: x[..., None], axes=[-1])
x_alone("reverse", np.flip)
x_alone("reverse", lambda x: x[::-1, :, ::-1], 3, axes=[-1, 0])
x_alone("transpose", lambda x: x.transpose(2, 0, 1), 3, perm=[-1, 0, 1])


@CASES.of("squeeze")
def squeeze(rng: Generator, _: int) -> Case:
    a, b = sides(rng, 2)
    return Case(
        lambda x: (mb.squeeze(x=x), mb.squeeze(x=x, axes=[-1, 0]), mb.squeeze(x=x, axes=[2])),
        (either(rng, 1, a, 1, b, 1),),
        lambda x: (x[0, :, 0, :, 0], x[0, ..., 0], x[:, :, 0]),
        exact=True,
    )


@CASES.of("squeeze")
def squeeze_of_other_sides(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.squeeze(x=x, axes=[0, 1]),
        (either(rng, 1, *sides(rng, 2)),),
        lambda x: x[0],
        exact=True,
        unlike="coremltools raises numpy's error, although its documentation follows PyTorch",
    )


@CASES.of("squeeze")
def squeeze_to_a_scalar(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.squeeze(x=x),
        (either(rng, 1, 1),),
        lambda x: x[0, 0],
        exact=True,
        unlike="coremltools drops one axis only",
    )


@CASES.of("reshape")
def reshape(rng: Generator, _: int) -> Case:
    a, b, c = sides(rng, 3)
    return Case(
        lambda x: (
            mb.reshape(x=x, shape=[c, a * b]),
            mb.reshape(x=x, shape=[-1]),
            mb.reshape(x=x, shape=[1, c, -1, a]),
            mb.reshape(x=x, shape=[b, -1, 0]),
            mb.reshape(x=x, shape=[0, c, b]),
        ),
        (either(rng, a, b, c),),
        lambda x: (
            x.reshape(c, a * b),
            x.reshape(-1),
            x.reshape(1, c, b, a),
            x.reshape(b, a, c),
            x.reshape(a, c, b),
        ),
        exact=True,
    )


@CASES.of("reshape")
def reshape_as_computed(rng: Generator, _: int) -> Case:
    return Case(
        lambda x: mb.reshape(x=x, shape=mb.reverse(x=mb.shape(x=x))),
        (either(rng, *sides(rng, 3)),),
        lambda x: x.reshape(x.shape[::-1]),
        exact=True,
    )


@CASES.of("reshape", since=7)
def reshape_from_the_last_side(rng: Generator, _: int) -> Case:
    a, b = sides(rng, 2)
    return Case(
        # The documentation's example, and 0 that is beside a side of the same number of x.
        lambda x: (mb.reshape(x=x, shape=[1, 0, -1, 0]), mb.reshape(x=x, shape=[0, a, 0])),
        (either(rng, a, b),),
        lambda x: (x.reshape(1, 1, a, b), x.reshape(1, a, b)),
        exact=True,
    )


@CASES.of("reshape_like", since=6)
def reshape_like(rng: Generator, _: int) -> Case:
    a, b, c, d = sides(rng, 4)
    return Case(
        lambda x, y, z: mb.reshape_like(
            x=x, ref_tensors=(y, z), begins=(0, 1), ends=(2, 0), end_masks=(False, True)
        ),
        (either(rng, a * b * c * d), floats(rng, a, b, 2), floats(rng, 3, c, d)),
        lambda x, *_: x.reshape(a, b, c, d),
        exact=True,
        unlike=NOT_EVALUATED,
    )


def reversed_sequences(x: Array, lengths: Array, seq_axis: int, batch_axis: int) -> Array:
    result = np.moveaxis(x.copy(), (batch_axis, seq_axis), (0, 1))
    for row, length in zip(result, lengths, strict=True):
        row[:length] = row[:length][::-1].copy()
    return np.moveaxis(result, (0, 1), (batch_axis, seq_axis))


@CASES.of("reverse_sequence")
def reverse_sequence(rng: Generator, _: int) -> Case:
    x = either(rng, *sides(rng, int(rng.integers(2, 5))))
    batch_axis, seq_axis = (int(axis) for axis in rng.permutation(x.ndim)[:2])
    lengths = ints(rng, x.shape[batch_axis], low=0, high=x.shape[seq_axis])
    return Case(
        lambda x, y: mb.reverse_sequence(x=x, lengths=y, seq_axis=seq_axis, batch_axis=batch_axis),
        (x, lengths),
        lambda x, y: reversed_sequences(x, y, seq_axis, batch_axis),
        exact=True,
        unlike=NOT_EVALUATED,
    )


def random_slice(rng: Generator, side: int) -> tuple[slice, bool, bool]:
    """A slice of some elements, and whether its begin and end are left out."""
    stride = int(rng.choice([-2, -1, 1, 2]))
    low, high = sorted(int(one) for one in rng.choice(side + 1, 2, replace=False))
    begin, end = (low, high) if stride > 0 else (high - 1, low - 1)
    masks = flag(rng), flag(rng) or end < 0
    begin -= side * flag(rng)
    end -= side * (flag(rng) and end < side)
    return slice(begin, end, stride), *masks


def random_slices(rng: Generator, shape: tuple[int, ...]) -> tuple[dict[str, Any], Any]:
    """Parameters of slice_by_index, and numpy's.

    The documentation calls masked bounds 0 and the side. Where the stride is negative, that would
    be nothing, and coremltools leaves them out; so do we.
    """
    slices, begin_mask, end_mask = zip(*(random_slice(rng, side) for side in shape), strict=True)
    squeeze_mask = [flag(rng) and axis > 0 for axis in range(len(shape))]
    index = tuple(
        (0 if without_begin else one.start)
        if dropped
        else slice(
            None if without_begin else one.start, None if without_end else one.stop, one.step
        )
        for one, without_begin, without_end, dropped in zip(
            slices, begin_mask, end_mask, squeeze_mask, strict=True
        )
    )
    given = {
        "begin": [one.start for one in slices],
        "end": [one.stop for one in slices],
        "stride": [one.step for one in slices],
        "begin_mask": list(begin_mask),
        "end_mask": list(end_mask),
        "squeeze_mask": squeeze_mask,
    }
    return given, index


@CASES.of("slice_by_index")
def slice_by_index(rng: Generator, _: int) -> Case:
    x = either(rng)
    given, index = random_slices(rng, x.shape)
    return Case(
        lambda x: (
            mb.slice_by_index(x=x, **given),
            mb.slice_by_index(x=x, begin=[1] * x.rank, end=list(x.shape)),
        ),
        (x,),
        lambda x: (x[index], x[tuple(slice(1, None) for _ in x.shape)]),
        exact=True,
    )


@CASES.of("slice_update", since=8)
def slice_update(rng: Generator, _: int) -> Case:
    x = either(rng)
    given, index = random_slices(rng, x.shape)

    def expected(x: Array, update: Array) -> Array:
        result = x.copy()
        result[index] = update
        return result

    return Case(
        lambda x, update: mb.slice_update(x=x, update=update, **given),
        (x, (-x)[index] + x.dtype.type(100)),
        expected,
        exact=True,
    )


def test_an_element_that_is_not_there_is_refused() -> None:
    x = np.zeros((2, 2), np.float32)
    with pytest.raises(ArtifactError, match="slice_by_index fails: IndexError"):
        interpreted(
            lambda x: mb.slice_by_index(x=x, begin=[0, 2], end=[2, 3], squeeze_mask=[False, True]),
            x,
        )


@CASES.of("slice_by_size")
def slice_by_size(rng: Generator, _: int) -> Case:
    x = either(rng)
    begin = [int(rng.integers(side)) for side in x.shape]
    size = [int(rng.integers(1, side - at + 1)) for at, side in zip(begin, x.shape, strict=True)]
    given = [-1 if flag(rng) else number for number in size]
    index = tuple(
        slice(at, None if number == -1 else at + number)
        for at, number in zip(begin, given, strict=True)
    )
    return Case(
        lambda x: mb.slice_by_size(x=x, begin=begin, size=given), (x,), lambda x: x[index], True
    )


@CASES.of("sliding_windows")
def sliding_windows(rng: Generator, _: int) -> Case:
    x = either(rng)
    axis = axis_of(rng, x.ndim)
    size, stride = int(rng.integers(1, x.shape[axis] + 1)), int(rng.integers(1, 4))

    def expected(x: Array) -> tuple[Array, ...]:
        windows = [np.take(x, range(at, at + size), axis) for at in range(x.shape[axis] - size + 1)]
        return np.stack(windows, axis % x.ndim), np.stack(windows[::stride], axis % x.ndim)

    return Case(
        lambda x: (
            mb.sliding_windows(x=x, axis=axis, size=size),
            mb.sliding_windows(x=x, axis=axis, size=size, stride=stride),
        ),
        (x,),
        expected,
        exact=True,
        unlike=NOT_EVALUATED,
    )


def to_space(x: Array, b: int) -> Array:
    """TensorFlow's order of channels: the place in the block changes slowest."""
    n, c, h, w = x.shape
    x = x.reshape(n, b, b, c // b**2, h, w)
    return np.einsum("nijchw->nchiwj", x).reshape(n, c // b**2, h * b, w * b)


def to_depth(x: Array, b: int) -> Array:
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // b, b, w // b, b)
    return np.einsum("nchiwj->nijchw", x).reshape(n, c * b**2, h // b, w // b)


def test_depth_to_space_as_in_core_mls_example() -> None:
    x = np.arange(1, 17, dtype=np.float32).reshape(1, 8, 1, 2)
    space, shuffled = interpreted(
        lambda x: (mb.depth_to_space(x=x, block_size=2), mb.pixel_shuffle(x=x, upscale_factor=2)), x
    )
    assert space[0, 0].tolist() == [[1, 5, 2, 6], [9, 13, 10, 14]]
    assert shuffled[0, 0].tolist() == [[1, 3, 2, 4], [5, 7, 6, 8]]


def torchs(function: Callable[..., Any], b: int) -> Callable[[Array], Array]:
    return lambda x: function(torch.from_numpy(x), b).numpy()


SPACE: dict[str, tuple[str, Callable[[int], Callable[[Array], Array]], int]] = {
    "depth_to_space": ("block_size", lambda b: lambda x: to_space(x, b), 5),
    "pixel_shuffle": ("upscale_factor", lambda b: torchs(F.pixel_shuffle, b), 5),
    "pixel_unshuffle": ("downscale_factor", lambda b: torchs(F.pixel_unshuffle, b), 6),
    "space_to_depth": ("block_size", lambda b: lambda x: to_depth(x, b), 5),
}
for kind, (parameter, function, since) in SPACE.items():

    @CASES.of(kind, since=since)
    def blocks(
        rng: Generator,
        _: int,
        kind: str = kind,
        parameter: str = parameter,
        function: Any = function,
    ) -> Case:
        n, c, h, w = sides(rng, 4)
        b = int(rng.integers(2, 4))
        from_depth = kind in ("depth_to_space", "pixel_shuffle")
        size = np.uint32(b) if kind == "pixel_unshuffle" else b
        return Case(
            lambda x: getattr(mb, kind)(x=x, **{parameter: size}),
            (floats(rng, *((n, c * b**2, h, w) if from_depth else (n, c, h * b, w * b))),),
            function(b),
            exact=True,
            unlike=NOT_EVALUATED,
        )


def to_batch(x: Array, block: list[int]) -> Array:
    """Pictures of every place in the blocks, one after the other."""
    return np.concatenate(
        [x[:, :, i :: block[0], j :: block[1]] for i in range(block[0]) for j in range(block[1])]
    )


@CASES.of("space_to_batch")
def space_to_batch(rng: Generator, _: int) -> Case:
    n, c, h, w = sides(rng, 4)
    block, before = ints(rng, 2, low=1, high=3).tolist(), ints(rng, 2, low=0, high=2).tolist()
    paddings = [[at, -(side + at) % b] for at, side, b in zip(before, (h, w), block, strict=True)]
    return Case(
        lambda x: mb.space_to_batch(x=x, block_shape=block, paddings=paddings),
        (floats(rng, n, c, h, w),),
        lambda x: to_batch(np.pad(x, [(0, 0), (0, 0), *paddings]), block),
        exact=True,
        unlike=NOT_EVALUATED,
    )


@CASES.of("batch_to_space")
def batch_to_space(rng: Generator, _: int) -> Case:
    n, c, h, w = sides(rng, 4)
    block = ints(rng, 2, low=1, high=3).tolist()
    top, bottom, left, right = (int(one) for one in rng.integers(0, 2, 4))

    def expected(x: Array) -> Array:
        result = np.zeros((n, c, h * block[0], w * block[1]), x.dtype)
        pictures = iter(np.split(x, block[0] * block[1]))
        for i in range(block[0]):
            for j in range(block[1]):
                result[:, :, i :: block[0], j :: block[1]] = next(pictures)
        return result[:, :, top : result.shape[2] - bottom, left : result.shape[3] - right]

    return Case(
        lambda x: mb.batch_to_space(x=x, block_shape=block, crops=[[top, bottom], [left, right]]),
        (floats(rng, n * block[0] * block[1], c, h, w),),
        expected,
        exact=True,
        unlike=NOT_EVALUATED,
    )


# Reading and writing at computed places.


def indices(rng: Generator, side: int, *shape: int, opset: int, unique: bool = False) -> Array:
    """Up to iOS 16 some are counted from the end."""
    chosen = rng.choice(side, shape, replace=not unique)
    if opset < 7:
        chosen -= side * rng.integers(0, 2, chosen.shape)
    return chosen.astype(np.int32)


def extra(opset: int) -> dict[str, bool]:
    return {"validate_indices": True} if opset >= 7 else {}


@CASES.of("gather")
def gather(rng: Generator, opset: int) -> Case:
    x = either(rng, *sides(rng, int(rng.integers(1, 4))))
    axis = axis_of(rng, x.ndim)
    places = indices(rng, x.shape[axis], *sides(rng, int(rng.integers(1, 4))), opset=opset)
    return Case(
        lambda x, y: (
            mb.gather(x=x, indices=mb.abs(x=mb.mod(x=y, y=2))),
            mb.gather(x=x, indices=y, axis=axis),
            mb.gather(x=x, indices=1, axis=axis, **extra(opset)),
        ),
        (x, places),
        lambda x, y: (np.take(x, y % 2, 0), np.take(x, y, axis), np.take(x, 1, axis)),
        exact=True,
    )


@CASES.of("gather", since=6)
def gather_in_batches(rng: Generator, opset: int) -> Case:
    a, b, c, d, m = sides(rng, 5)

    def expected(x: Array, y: Array, z: Array) -> tuple[Array, ...]:
        one = np.stack([np.take(part, index, 1) for part, index in zip(x, y, strict=True)])
        rows = zip(x.reshape(a * b, c, d), z.reshape(a * b, m), strict=True)
        two = np.stack([np.take(part, index, 0) for part, index in rows])
        return one, two.reshape(a, b, m, d)

    return Case(
        lambda x, y, z: (
            mb.gather(x=x, indices=y, axis=2, batch_dims=1),
            mb.gather(x=x, indices=z, axis=2, batch_dims=2),
        ),
        (
            either(rng, a, b, c, d),
            indices(rng, c, a, m, 2, opset=opset),
            indices(rng, c, a, b, m, opset=opset),
        ),
        expected,
        exact=True,
    )


@CASES.of("gather", since=6)
def gather_in_batches_from_the_last_axis(rng: Generator, opset: int) -> Case:
    a, b, c, m = sides(rng, 4)
    return Case(
        lambda x, y: mb.gather(x=x, indices=y, axis=-1, batch_dims=1),
        (either(rng, a, b, c), indices(rng, c, a, m, opset=opset)),
        lambda x, y: np.stack([part[:, row] for part, row in zip(x, y, strict=True)]),
        exact=True,
        unlike="coremltools takes batch_dims from the negative axis",
    )


@CASES.of("gather_along_axis")
def gather_along_axis(rng: Generator, opset: int) -> Case:
    x = either(rng)
    axis = axis_of(rng, x.ndim)
    shape = list(x.shape)
    shape[axis] = 4
    places = indices(rng, x.shape[axis], *shape, opset=opset)
    first = indices(rng, x.shape[0], *x.shape, opset=opset)
    return Case(
        lambda x, y, z: (
            mb.gather_along_axis(x=x, indices=y, axis=axis, **extra(opset)),
            mb.gather_along_axis(x=x, indices=z),
        ),
        (x, places, first),
        lambda x, y, z: (np.take_along_axis(x, y, axis), np.take_along_axis(x, z, 0)),
        exact=True,
    )


def vectors(rng: Generator, shape: tuple[int, ...], depth: int, *batch: int, opset: int) -> Array:
    """Vectors of `depth` indices into the first axes of a shape."""
    return np.stack([indices(rng, side, *batch, opset=opset) for side in shape[:depth]], -1)


@CASES.of("gather_nd")
def gather_nd(rng: Generator, opset: int) -> Case:
    x = either(rng, *sides(rng, int(rng.integers(1, 5))))
    depth = int(rng.integers(1, x.ndim + 1))
    places = vectors(rng, x.shape, depth, *sides(rng, int(rng.integers(1, 3))), opset=opset)
    return Case(
        lambda x, y: mb.gather_nd(x=x, indices=y),
        (x, places),
        lambda x, y: x[tuple(np.moveaxis(y, -1, 0))],
        exact=True,
        unlike=NOT_EVALUATED,
    )


@CASES.of("gather_nd", since=6)
def gather_nd_in_batches(rng: Generator, opset: int) -> Case:
    shape = sides(rng, 4)
    return Case(
        lambda x, y: mb.gather_nd(x=x, indices=y, batch_dims=1),
        (either(rng, *shape), vectors(rng, shape[1:], 2, shape[0], 3, opset=opset)),
        lambda x, y: np.stack([x[b][y[b, :, 0], y[b, :, 1]] for b in range(shape[0])]),
        exact=True,
        unlike=NOT_EVALUATED,
    )


MODES: dict[str, Callable[[Any, Any], Any]] = {
    "update": lambda _, new: new,
    "add": lambda old, new: old + new,
    "sub": lambda old, new: old - new,
    "mul": lambda old, new: old * new,
    "div": lambda old, new: old / new,
    "max": max,
    "min": min,
}


def combined(data: Array, places: list[tuple[Any, ...]], updates: Array, mode: str) -> Array:
    """One update after the other."""
    result = data.copy()
    for place, update in zip(places, updates.ravel(), strict=True):
        result[place] = MODES[mode](result[place], update)
    return result


def place_along(axis: int, at: tuple[int, ...], index: int) -> tuple[int, ...]:
    place = list(at)
    place[axis] = index
    return tuple(place)


# Without duplicates every mode is exact; with them the order of roundings shows.
@CASES.of("scatter")
def scatter(rng: Generator, opset: int) -> Case:
    data = floats(rng)
    axis = axis_of(rng, data.ndim)
    side = data.shape[axis]
    places = indices(rng, side, int(rng.integers(1, side + 1)), opset=opset, unique=True)
    updates = floats(rng, *place_along(axis, data.shape, len(places)), low=1)

    def expected(data: Array, places: Array, updates: Array) -> tuple[Array, ...]:
        spots = [place_along(axis, at, places[at[axis]]) for at in np.ndindex(updates.shape)]
        return tuple(combined(data, spots, updates, mode) for mode in MODES)

    return Case(
        lambda data, places, updates: tuple(
            mb.scatter(
                data=data, indices=places, updates=updates, axis=axis, mode=mode, **extra(opset)
            )
            for mode in MODES
        ),
        (data, places, updates),
        expected,
        exact=True,
        unlike=NOT_EVALUATED,
    )


@CASES.of("scatter")
def scatter_of_integers(rng: Generator, opset: int) -> Case:
    data = ints(rng)
    places = indices(rng, data.shape[0], 3, opset=opset)  # with duplicates
    updates = ints(rng, 3, *data.shape[1:])
    modes = [mode for mode in MODES if mode not in ("update", "div")]

    def expected(data: Array, places: Array, updates: Array) -> tuple[Array, ...]:
        spots = [(places[at[0]], *at[1:]) for at in np.ndindex(updates.shape)]
        return tuple(combined(data, spots, updates, mode) for mode in modes)

    return Case(
        lambda data, places, updates: tuple(
            mb.scatter(data=data, indices=places, updates=updates, mode=mode) for mode in modes
        ),
        (data, places, updates),
        expected,
        unlike=NOT_EVALUATED,
    )


@CASES.of("scatter_along_axis")
def scatter_along_axis(rng: Generator, opset: int) -> Case:
    data = floats(rng)
    axis = axis_of(rng, data.ndim)
    side = data.shape[axis]
    number = int(rng.integers(1, side + 1))
    shape = place_along(axis, data.shape, number)
    places = np.argsort(rng.random(data.shape), axis).take(range(number), axis).astype(np.int32)
    if opset < 7:
        places -= side * rng.integers(0, 2, shape, np.int32)

    def expected(data: Array, places: Array, updates: Array) -> tuple[Array, ...]:
        spots = [place_along(axis, at, places[at]) for at in np.ndindex(updates.shape)]
        return tuple(combined(data, spots, updates, mode) for mode in ("add", *MODES))

    def build(data: Any, places: Any, updates: Any) -> tuple[Any, ...]:
        given = {"data": data, "indices": places, "updates": updates, "axis": axis}
        return (
            mb.scatter_along_axis(**given),
            *(mb.scatter_along_axis(**given, mode=mode, **extra(opset)) for mode in MODES),
        )

    return Case(
        build,
        (data, places, floats(rng, *shape, low=1)),
        expected,
        exact=True,
        unlike="coremltools ignores the mode",
    )


@CASES.of("scatter_along_axis")
def scatter_along_axis_updating(rng: Generator, _: int) -> Case:
    shape = sides(rng)
    places = np.argsort(rng.random(shape), 0).astype(np.int32)

    def expected(data: Array, places: Array, updates: Array) -> Array:
        result = data.copy()
        np.put_along_axis(result, places, updates, 0)
        return result

    return Case(
        lambda data, places, updates: mb.scatter_along_axis(
            data=data, indices=places, updates=updates, mode="update"
        ),
        (floats(rng, *shape), places, floats(rng, *shape)),
        expected,
        exact=True,
    )


@CASES.of("scatter_nd")
def scatter_nd(rng: Generator, opset: int) -> Case:
    data = floats(rng, *sides(rng, int(rng.integers(1, 4))))
    depth = int(rng.integers(1, data.ndim + 1))
    count = math.prod(data.shape[:depth])
    flat = rng.choice(count, int(rng.integers(1, count + 1)), replace=False)
    places = np.stack(np.unravel_index(flat, data.shape[:depth]), -1).astype(np.int32)
    if opset < 7:
        places -= np.array(data.shape[:depth], np.int32) * rng.integers(
            0, 2, places.shape, np.int32
        )
    updates = floats(rng, len(places), *data.shape[depth:], low=1)

    def expected(data: Array, places: Array, updates: Array) -> tuple[Array, ...]:
        spots = [(*places[at[0]], *at[1:]) for at in np.ndindex(updates.shape)]
        return tuple(combined(data, spots, updates, mode) for mode in ("add", *MODES))

    def build(data: Any, places: Any, updates: Any) -> tuple[Any, ...]:
        given = {"data": data, "indices": places, "updates": updates}
        # Before it compares, coremltools broadcasts the indices against the whole shape.
        checked = extra(opset) if depth == data.rank else {}
        return (
            mb.scatter_nd(**given),
            *(mb.scatter_nd(**given, mode=mode, **checked) for mode in MODES),
        )

    return Case(build, (data, places, updates), expected, exact=True, unlike=NOT_EVALUATED)


@pytest.mark.parametrize(("opset", "index"), [(5, 3), (6, -4), (7, -1), (8, 3)])
@pytest.mark.parametrize("kind", ["gather", "gather_along_axis", "gather_nd"])
def test_reading_out_of_bounds_is_refused(kind: str, opset: int, index: int) -> None:
    found = registry.find(kind, opset)
    assert found
    with pytest.raises(IndexError, match="out of bounds"):
        found.function(torch.zeros(3), torch.tensor([index]))


@pytest.mark.parametrize(("opset", "index"), [(5, 3), (6, -4), (7, -1), (8, 3)])
@pytest.mark.parametrize("kind", ["scatter", "scatter_along_axis", "scatter_nd"])
def test_writing_out_of_bounds_is_refused(kind: str, opset: int, index: int) -> None:
    found = registry.find(kind, opset)
    assert found
    with pytest.raises(IndexError, match="out of bounds"):
        found.function(torch.zeros(3), torch.tensor([[index]]), torch.ones(1), mode="add")


def test_what_is_unknown_is_refused() -> None:
    x, at = torch.zeros(3), torch.tensor([0])
    for kind, parameters in {
        "scatter_along_axis": {"data": x, "indices": at, "updates": x[:1], "mode": "xor"},
        "pad": {"x": x, "pad": (1, 1), "mode": "wrap"},
        "reshape": {"x": x, "shape": (0, 1, 3)},
    }.items():
        found = registry.find(kind, 6)
        assert found
        with pytest.raises(registry.UnsupportedError):
            found.function(**parameters)
