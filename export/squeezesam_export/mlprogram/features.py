"""Inputs and outputs of a Core ML model as an app sees them: pictures and arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from squeezesam.errors import ArtifactError

PICTURE_MODES = {"RGB": "RGB", "BGR": "RGB", "GRAYSCALE": "L", "GRAYSCALE_FLOAT16": "F"}
"""By Core ML's colour space, Pillow's mode; BGR is an order of channels in the program only."""

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
    """

    dtype: str

    @property
    def kind(self) -> str:
        """In words."""
        return f"array of {self.dtype}"

    def encode(self, value: object) -> Tensor:
        """An array as the program takes it.

        Raises:
            ArtifactError: it holds no numbers, or has another shape.
        """
        array = np.asarray(value)
        if not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise ArtifactError(f"{self.name} is of {array.dtype}; give an array of {self.dtype}")
        self.check_shape(array.shape)
        with np.errstate(over="ignore"):
            values = array.astype(self.dtype)
        always_fits = np.can_cast(array.dtype, self.dtype)
        if not (always_fits or np.allclose(values, array, rtol=0.01, equal_nan=True)):
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


def read_feature(proto: Any) -> Picture | Array | Other:
    """A feature as plain data.

    Args:
        proto: a coremltools Model_pb2.FeatureDescription.
    """
    kind = proto.type.WhichOneof("Type")
    if kind == "imageType":
        picture = proto.type.imageType
        colour_space = picture.ColorSpace.Name(picture.colorSpace)
        size = (int(picture.height), int(picture.width))
        return Picture(proto.name, picture_sizes(picture), size, colour_space)
    if kind == "multiArrayType":
        array = proto.type.multiArrayType
        dtype = array.ArrayDataType.Name(array.dataType).lower().replace("double", "float64")
        shape = tuple(map(int, array.shape))
        return Array(proto.name, array_shapes(array), shape, dtype)
    return Other(proto.name, str(kind).removesuffix("Type"))


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
