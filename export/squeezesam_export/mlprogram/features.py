"""Inputs and outputs of a Core ML model as an app sees them: pictures and arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from squeezesam.errors import ArtifactError

PICTURE_MODES = {"RGB": "RGB", "BGR": "RGB", "GRAYSCALE": "L", "GRAYSCALE_FLOAT16": "F"}
"""By Core ML's colour space, Pillow's mode; BGR is an order of channels in the program only."""

ARRAY_TYPES = ("float16", "float32", "float64", "int8", "int32")
MAX_SIDE = 2**31 - 1

Side = tuple[int, int | None]
"""Smallest and largest length; None where nothing bounds it."""


@dataclass(frozen=True)
class Feature:
    """One input or output.

    Attributes:
        name: of the feature.
        shapes: alternatives, each a bound for every side; (height, width) of a picture.
        default: of an array, the first of its shapes; of a picture, its size.
    """

    name: str
    shapes: tuple[tuple[Side, ...], ...]
    default: tuple[int, ...]

    @property
    def shape_text(self) -> str:
        """Such as `224x224`, or `1..512x3 or 7x7`."""
        return " or ".join("x".join(map(side_text, sides)) for sides in self.shapes)

    def allows(self, shape: Sequence[int]) -> bool:
        """Whether a value may have a shape."""
        return any(within(shape, sides) for sides in self.shapes)

    def check_shape(self, shape: Sequence[int]) -> None:
        """See that a value has an allowed shape.

        Raises:
            ArtifactError: it has another.
        """
        if not self.allows(shape):
            given = "x".join(map(str, shape)) or "a single number"
            raise ArtifactError(f"{self.name} has shape {given}; give {self.shape_text}")


@dataclass(frozen=True)
class Picture(Feature):
    """A picture.

    Attributes:
        colour_space: a key of PICTURE_MODES.
    """

    colour_space: str

    @property
    def kind(self) -> str:
        """In words."""
        return f"picture, {self.colour_space}"

    def encode(self, value: object) -> Tensor:
        """A Pillow image as the program takes it: [1, channels, height, width], bytes as floats.

        Raises:
            ArtifactError: it is no picture, or of another size.
        """
        if not isinstance(value, Image.Image):
            raise ArtifactError(f"{self.name} is {type(value).__name__}; give a picture")
        self.check_shape((value.height, value.width))
        pixels = np.array(value.convert(PICTURE_MODES[self.colour_space]), np.float32)
        channels = pixels.reshape(value.height, value.width, -1)
        if self.colour_space == "BGR":
            channels = channels[..., ::-1]
        return torch.from_numpy(np.ascontiguousarray(channels.transpose(2, 0, 1)))[None]

    def decode(self, value: Any) -> Image.Image:
        """The program's [1, channels, height, width] as a picture."""
        channels = np.asarray(value, np.float32)[0].transpose(1, 2, 0)
        if self.colour_space == "GRAYSCALE_FLOAT16":
            return Image.fromarray(channels[..., 0])
        pixels = channels.round().clip(0, 255).astype(np.uint8)
        if self.colour_space == "BGR":
            pixels = pixels[..., ::-1]
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


@dataclass(frozen=True)
class Array(Feature):
    """An array of numbers.

    Attributes:
        dtype: numpy's name of its element type.
        fill: of an optional input, the number that stands everywhere where it is left out.
    """

    dtype: str
    fill: float | None = None

    @property
    def kind(self) -> str:
        """In words."""
        optional = "" if self.fill is None else f", {self.fill:g} where left out"
        return f"array of {self.dtype}{optional}"

    def check_form(self, dtype: np.dtype[Any], shape: Sequence[int]) -> None:
        """See that an array of this form suits.

        Raises:
            ArtifactError: it holds no numbers, or has another shape.
        """
        if not np.can_cast(dtype, self.dtype, "same_kind"):
            raise ArtifactError(f"{self.name} is of {dtype}; give an array of {self.dtype}")
        self.check_shape(shape)

    def encode(self, value: object) -> Tensor:
        """An array as the program takes it.

        Raises:
            ArtifactError: it holds no numbers, has another shape, or values beyond the type.
        """
        array = np.asarray(value)
        self.check_form(array.dtype, array.shape)
        with np.errstate(over="ignore"):
            values = array.astype(self.dtype)
        lost = np.isfinite(array) & ~np.isfinite(values)
        if values.dtype.kind in "iu":
            lost = values != array
        if lost.any():
            raise ArtifactError(f"{self.name} has values beyond {self.dtype}; give smaller ones")
        return torch.from_numpy(values)

    def decode(self, value: Any) -> NDArray[Any]:
        """The program's tensor as an array."""
        return np.asarray(value).astype(self.dtype)


@dataclass(frozen=True)
class Other:
    """What is neither, such as a classifier's label; outputs only.

    Attributes:
        name: of the output.
        kind: in words.
        shape_text: empty.
    """

    name: str
    kind: str
    shape_text: str = ""

    def decode(self, value: Any) -> Any:
        """The value as it is."""
        return value


Described = TypeVar("Described", bound=Feature)


def read_feature(proto: Any) -> Picture | Array | Other:
    """A feature as plain data.

    Args:
        proto: a coremltools Model_pb2.FeatureDescription.

    Raises:
        ValueError: it describes what cannot be.
    """
    kind = proto.type.WhichOneof("Type")
    if kind == "imageType":
        picture = proto.type.imageType
        colour_space = picture.ColorSpace.Name(picture.colorSpace)
        if colour_space not in PICTURE_MODES:
            raise ValueError(f"picture {shown(proto.name)} has no known colour space")
        size = (int(picture.height), int(picture.width))
        return checked(Picture(proto.name, picture_sizes(picture), size, colour_space))
    if kind == "multiArrayType":
        array = proto.type.multiArrayType
        dtype = array.ArrayDataType.Name(array.dataType).lower().replace("double", "float64")
        if dtype not in ARRAY_TYPES:
            raise ValueError(f"array {shown(proto.name)} has no known type of elements")
        shape = tuple(map(int, array.shape))
        fill = default_number(array) if proto.type.isOptional else None
        return checked(Array(proto.name, array_shapes(array), shape, dtype, fill))
    return Other(proto.name, str(kind).removesuffix("Type"))


def checked(feature: Described) -> Described:
    """The feature, if its sides are numbers that sides can be.

    Raises:
        ValueError: they are not.
    """
    bounds = [one for sides in feature.shapes for low, high in sides for one in (low, high or low)]
    if not all(0 <= side <= MAX_SIDE for side in (*feature.default, *bounds)):
        raise ValueError(f"{shown(feature.name)} has the shape {shown(feature.shapes)}")
    return feature


def default_number(proto: Any) -> float | None:
    """What stands in an optional array that is left out; None where the description is silent.

    Args:
        proto: a coremltools FeatureTypes_pb2.ArrayFeatureType.
    """
    kind = proto.WhichOneof("defaultOptionalValue")
    return None if kind is None else getattr(proto, kind)


def picture_sizes(proto: Any) -> tuple[tuple[Side, ...], ...]:
    """Allowed sizes of a picture, (height, width)."""
    match proto.WhichOneof("SizeFlexibility"):
        case "enumeratedSizes":
            return tuple(exactly(one.height, one.width) for one in proto.enumeratedSizes.sizes)
        case "imageSizeRange":
            both = proto.imageSizeRange
            return ((side(both.heightRange), side(both.widthRange)),)
    return (exactly(proto.height, proto.width),)


def array_shapes(proto: Any) -> tuple[tuple[Side, ...], ...]:
    """Allowed shapes of an array."""
    match proto.WhichOneof("ShapeFlexibility"):
        case "enumeratedShapes":
            return tuple(exactly(*one.shape) for one in proto.enumeratedShapes.shapes)
        case "shapeRange":
            return (tuple(map(side, proto.shapeRange.sizeRanges)),)
    return (exactly(*proto.shape),)


def exactly(*sides: int) -> tuple[Side, ...]:
    """Bounds that allow one shape."""
    return tuple((int(length), int(length)) for length in sides)


def side(proto: Any) -> Side:
    """Bounds of one side; a negative upper one bounds nothing."""
    return int(proto.lowerBound), None if proto.upperBound < 0 else int(proto.upperBound)


def within(shape: Sequence[int], sides: Sequence[Side]) -> bool:
    """Whether a shape keeps to bounds."""
    return len(shape) == len(sides) and all(
        low <= length and (high is None or length <= high)
        for length, (low, high) in zip(shape, sides, strict=True)
    )


def side_text(bounds: Side) -> str:
    """Such as `64`, `1..64` or `1..`."""
    low, high = bounds
    return str(low) if low == high else f"{low}..{'' if high is None else high}"
