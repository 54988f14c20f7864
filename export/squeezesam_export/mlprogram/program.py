"""An ML Program as plain data, read from its protobuf, and its weight files.

Layout (coremltools, MILBlob's StorageFormat.hpp, version 2): a header of 64 bytes; then for each
tensor, at the offset that the program names, 64 bytes of metadata that say where its data lies and
of which type it is. Elements below a byte are packed from the lowest bit on, across bytes.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram.elements import ELEMENTS, Element

VERSION = 2
SENTINEL = 0xDEADBEEF
HEADER = struct.Struct("<II")
METADATA = struct.Struct("<IIQQQ")
BLOB_TYPES = {
    "float16": 1,
    "float32": 2,
    "uint8": 3,
    "int8": 4,
    "int16": 6,
    "uint16": 7,
    "int4": 8,
    "uint1": 9,
    "uint2": 10,
    "uint4": 11,
    "uint3": 12,
    "uint6": 13,
    "int32": 14,
    "uint32": 15,
}
"""Codes of element types in a weight file; a program has others."""


class WeightFile:
    """One file of weights, in memory.

    Args:
        path: of the file, for messages.
        content: all of its bytes.

    Raises:
        ArtifactError: it is not of a known version.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content = path, content
        if len(self.content) < HEADER.size or HEADER.unpack_from(self.content)[1] != VERSION:
            raise ArtifactError(f"{path} is no weight file of version {VERSION}; convert it again")

    def read(self, offset: int, element: Element, count: int) -> NDArray[np.generic]:
        """The values of one tensor, flat.

        Args:
            offset: of its metadata.
            element: the type that the program declares.
            count: of values.

        Raises:
            ArtifactError: nothing of that type and size is there.
        """
        try:
            sentinel, code, size, start, padding_bits = METADATA.unpack_from(self.content, offset)
        except (struct.error, OverflowError):
            raise ArtifactError(
                f"{self.path} ends before offset {offset}; convert it again"
            ) from None
        data = self.content[start : start + size]
        if (
            sentinel != SENTINEL
            or code != BLOB_TYPES.get(element.name)
            or len(data) != size
            or 8 * size - padding_bits != count * element.bits
        ):
            raise ArtifactError(
                f"{self.path} holds no {count} values of {element.name} at offset {offset}; "
                "convert it again"
            )
        return unpacked(data, element, count)


def unpacked(data: bytes, element: Element, count: int) -> NDArray[np.generic]:
    """Values from their bytes, little endian.

    Raises:
        ValueError: the bytes are too few or too many.
    """
    if len(data) != -(-count * element.bits // 8):
        raise ValueError(f"{len(data)} bytes for {count} values of {element.name}")
    if element.bits >= 8:
        return np.frombuffer(data, np.dtype(element.name).newbyteorder("<"), count)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    rows = bits[: count * element.bits].reshape(count, element.bits)
    values = np.packbits(rows, axis=1, bitorder="little")[:, 0]
    if element.name.startswith("uint"):
        return values
    shift = np.int8(8 - element.bits)  # carry the sign from the highest bit that is there
    return (values << shift.astype(np.uint8)).view(np.int8) >> shift


Value = Tensor | str | tuple[Any, ...] | dict[Any, Any]
"""A tensor in the storage type of its element; or strings, a list or a dictionary."""

OpenWeights = Callable[[str], WeightFile]
"""Opens a weight file by the name that a program gives."""


@dataclass(frozen=True)
class TensorType:
    """Element type and shape; None for a dimension that is known at run time only."""

    element: Element
    shape: tuple[int | None, ...]

    @property
    def known_shape(self) -> tuple[int, ...]:
        """The shape of a value that the program holds.

        Raises:
            ValueError: a side is unknown.
        """
        sides = tuple(side for side in self.shape if side is not None)
        if len(sides) < len(self.shape):
            raise ValueError(f"a constant of type {self}")
        return sides

    @property
    def count(self) -> int:
        """Elements of such a value."""
        return math.prod(self.known_shape)

    def __str__(self) -> str:
        sides = ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.element.name} [{sides}]"


@dataclass(frozen=True)
class Named:
    """A value's name and type; None for what is no tensor, such as a classifier's dictionary."""

    name: str
    type: TensorType | None


@dataclass(frozen=True)
class Constant:
    """A value that the program holds."""

    value: Value
    type: TensorType | None


Operand = str | Constant
"""The name of a value, or the value itself."""


@dataclass(frozen=True)
class Operation:
    """One operator of the program.

    Attributes:
        kind: such as conv.
        name: its own; unique in most programs.
        place: in words, for messages.
        operands: by parameter; several for those that take a list.
        outputs: what it gives.
        has_blocks: whether it holds operators of its own, as control flow does.
    """

    kind: str
    name: str
    place: str
    operands: dict[str, tuple[Operand, ...]]
    outputs: tuple[Named, ...]
    has_blocks: bool

    @property
    def decompresses(self) -> bool:
        """Whether it makes a weight out of constants alone."""
        return self.kind.startswith("constexpr_")


@dataclass(frozen=True)
class Program:
    """The main function of a program.

    Attributes:
        opset: number of the operator set: 5 for iOS 15, 6 for iOS 16 and so on.
        inputs: in order.
        constants: by name, those that `const` operators hold.
        operations: all others, each after those whose values it takes.
        outputs: names of values.
    """

    opset: int
    inputs: tuple[Named, ...]
    constants: dict[str, Constant]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]


def read_program(proto: Any, function_name: str, open_weights: OpenWeights) -> Program:
    """Read one function of a program.

    Args:
        proto: a coremltools MIL_pb2.Program.
        function_name: of the function.
        open_weights: gives weight files.

    Raises:
        ArtifactError: there is no such function, or its weights are missing or damaged.
    """
    if function_name not in proto.functions:
        raise ArtifactError(
            f"the program has no function {function_name!r}, only {sorted(proto.functions)}"
        )
    function = proto.functions[function_name]
    if function.opset not in function.block_specializations:
        raise ArtifactError(
            f"function {function_name!r} has no block for its operator set {function.opset!r}; "
            "convert it again"
        )
    block = function.block_specializations[function.opset]
    reader = _Reader(proto, open_weights)
    constants: dict[str, Constant] = {}
    operations = []
    for number, operation in enumerate(block.operations, 1):
        if operation.type == "const":
            constants[operation.outputs[0].name] = reader.constant(operation.attributes["val"])
        else:
            place = f"op {number} of {len(block.operations)}"
            operations.append(reader.operation(operation, place))
    return Program(
        opset=int(function.opset.removeprefix("CoreML")),
        inputs=tuple(reader.named(one) for one in function.inputs),
        constants=constants,
        operations=tuple(operations),
        outputs=tuple(block.outputs),
    )


class _Reader:
    """Turns protobuf messages into plain data."""

    def __init__(self, proto: Any, open_weights: OpenWeights) -> None:
        field = proto.DESCRIPTOR.file.enum_types_by_name["DataType"]
        self.element_names = {value.number: value.name.lower() for value in field.values}
        self.open_weights = open_weights

    def operation(self, proto: Any, place: str) -> Operation:
        attributes = {key: value for key, value in proto.attributes.items() if key != "name"}
        name = str(proto.attributes["name"].immediateValue.tensor.strings.values[0])
        operands: dict[str, tuple[Operand, ...]] = {
            key: tuple(
                binding.name
                if binding.WhichOneof("binding") == "name"
                else self.constant(binding.value)
                for binding in argument.arguments
            )
            for key, argument in proto.inputs.items()
        }
        operands |= {key: (self.constant(value),) for key, value in attributes.items()}
        return Operation(
            proto.type,
            name,
            f"{place}, {name!r} of kind {proto.type}",
            operands,
            tuple(self.named(one) for one in proto.outputs),
            has_blocks=bool(proto.blocks),
        )

    def named(self, proto: Any) -> Named:
        return Named(proto.name, self.tensor_type(proto.type))

    def tensor_type(self, proto: Any) -> TensorType | None:
        if proto.WhichOneof("type") != "tensorType":
            return None
        name = self.element_names[proto.tensorType.dataType]
        if name not in ELEMENTS:
            raise ArtifactError(f"elements of type {name} are not supported; convert with others")
        shape = tuple(
            int(side.constant.size) if side.WhichOneof("dimension") == "constant" else None
            for side in proto.tensorType.dimensions
        )
        return TensorType(ELEMENTS[name], shape)

    def constant(self, proto: Any) -> Constant:
        type_ = self.tensor_type(proto.type)
        if proto.WhichOneof("value") is None:
            raise ValueError("a constant has no value")
        if type_ is None:
            return Constant(self.collection(proto.immediateValue), None)
        if proto.WhichOneof("value") == "blobFileValue":
            blob = proto.blobFileValue
            weights = self.open_weights(blob.fileName)
            stored = weights.read(blob.offset, type_.element, type_.count)
            return Constant(shaped(stored, type_), type_)
        tensor = proto.immediateValue.tensor
        field = tensor.WhichOneof("value")
        values = getattr(tensor, field).values if field else ()
        if type_.element.kind == "string":
            words = tuple(map(str, values))
            return Constant(words if type_.shape else words[0], type_)
        if field == "bytes":
            return Constant(
                shaped(unpacked(bytes(values), type_.element, type_.count), type_), type_
            )
        return Constant(shaped(np.array(values, type_.element.name), type_), type_)

    def collection(self, proto: Any) -> Value:
        if proto.WhichOneof("value") == "list":
            return tuple(self.constant(value).value for value in proto.list.values)
        pairs = proto.dictionary.values
        return {self.constant(p.key).value: self.constant(p.value).value for p in pairs}


def shaped(values: NDArray[Any], type_: TensorType) -> Tensor:
    """Flat values as a tensor of their own memory."""
    array = np.array(values).reshape(type_.known_shape)
    return torch.from_numpy(array).to(type_.element.storage)


def last_uses(operations: Sequence[Operation], outputs: Sequence[str]) -> list[tuple[str, ...]]:
    """For each operation the values that nothing needs after it."""
    needed = set(outputs)
    uses = []
    for operation in reversed(operations):
        names = {
            one for many in operation.operands.values() for one in many if isinstance(one, str)
        }
        names |= {output.name for output in operation.outputs}
        uses.append(tuple(names - needed))
        needed |= names
    return uses[::-1]
