"""Faults that conversions have, planted into a saved .mlpackage: its proto, or its weight file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from squeezesam_export.mlprogram.package import model_file
from squeezesam_export.targets.quiet import quiet

with quiet():
    from coremltools.proto import FeatureTypes_pb2, Model_pb2


class Saved:
    """A package that is altered in place.

    Attributes:
        spec: of the model; `save` writes it back.
        function: its only one.
        operations: of that.
    """

    def __init__(self, path: Path) -> None:
        self.path = model_file(path)
        self.spec = Model_pb2.Model()
        self.spec.ParseFromString(self.path.read_bytes())
        (self.function,) = self.spec.mlProgram.functions.values()
        self.operations = self.function.block_specializations[self.function.opset].operations

    def save(self) -> None:
        self.path.write_bytes(self.spec.SerializeToString())

    def of_kind(self, kind: str) -> Iterator[Any]:
        return (one for one in self.operations if one.type == kind)

    def constant(self, operation: Any, parameter: str) -> Any:
        """The value of the constant that an operator takes."""
        name = operation.inputs[parameter].arguments[0].name
        (constant,) = (one for one in self.of_kind("const") if one.outputs[0].name == name)
        return constant.attributes["val"]

    def stored(self, operation: Any, parameter: str) -> Any:
        """The value of a weight, or of the integers that it is decompressed from."""
        name = operation.inputs[parameter].arguments[0].name
        (maker,) = (one for one in self.operations if one.outputs[0].name == name)
        return maker.attributes["val" if maker.type == "const" else "quantized_data"]


def set_number(value: Any, number: float) -> None:
    """Another number in a constant of one floating-point number."""
    tensor = value.immediateValue.tensor
    if tensor.WhichOneof("value") == "bytes":
        tensor.bytes.values = np.float16(number).tobytes()
    else:
        tensor.floats.values[:] = [number]


def wrong_scale(package: Saved) -> None:
    """A picture scaled to 0..1 where the network wants -1..1."""
    set_number(package.constant(next(package.of_kind("mul")), "y"), 1 / 255)


def wrong_bias(package: Saved) -> None:
    """ImageNet's mean of red instead of 128."""
    set_number(package.constant(next(package.of_kind("sub")), "y"), 123.675)


def swapped_channels(package: Saved) -> None:
    """BGR where the network wants RGB."""
    picture = package.spec.description.input[0].type.imageType
    picture.colorSpace = FeatureTypes_pb2.ImageFeatureType.ColorSpace.BGR


def transposed_weight(package: Saved) -> None:
    """[in, out] where [out, in] is meant, of a square matrix whose shape does not tell."""
    for conv in package.of_kind("conv"):
        value = package.stored(conv, "weight")
        side, other, *kernel = [int(one.constant.size) for one in value.type.tensorType.dimensions]
        if side == other and kernel == [1, 1]:
            break
    else:
        raise AssertionError("no square weight")
    file = package.path.parent / "weights" / "weight.bin"
    content = bytearray(file.read_bytes())
    size, at = np.frombuffer(content, np.uint64, 2, offset=value.blobFileValue.offset + 8).tolist()
    matrix = np.frombuffer(content, f"V{size // side**2}", side**2, at).reshape(side, side)
    content[at : at + size] = matrix.T.tobytes()
    file.write_bytes(content)


def dropped_zero_point(package: Saved) -> None:
    """A dequantization without the zero-point of its quantization."""
    for dequantize in package.of_kind("dequantize"):
        if "zero_point" in dequantize.inputs:
            del dequantize.inputs["zero_point"]
            return
    raise AssertionError("no zero-point")


def flipped_align_corners(package: Saved) -> None:
    """The other way to lay the pixels of a resized picture."""
    corners = package.constant(next(package.of_kind("upsample_bilinear")), "align_corners")
    flags = corners.immediateValue.tensor.bools.values
    flags[0] = not flags[0]


def lost_sigmoid(package: Saved) -> None:
    """Another squashing of the predicted IoUs, which no mask shows."""
    next(package.of_kind("sigmoid")).type = "tanh"


FAULTS: dict[str, Callable[[Saved], None]] = {
    fault.__name__: fault
    for fault in (
        wrong_scale,
        wrong_bias,
        swapped_channels,
        transposed_weight,
        dropped_zero_point,
        flipped_align_corners,
        lost_sigmoid,
    )
}


def plant(fault: str, path: Path) -> None:
    """Alter a package."""
    package = Saved(path)
    FAULTS[fault](package)
    package.save()
