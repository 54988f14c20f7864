"""Weight files of ML Programs.

Layout (coremltools, MILBlob's StorageFormat.hpp, version 2): a header of 64 bytes; then for each
tensor, at the offset that the program names, 64 bytes of metadata that say where its data lies and
of which type it is. Elements below a byte are packed from the lowest bit on, across bytes.
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram.elements import Element

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
