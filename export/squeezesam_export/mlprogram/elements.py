"""Element types of ML Programs, and the numbers that this package computes with.

Floating point is computed in float32 and rounded to the declared type after every operator;
integers are computed in int32. One addition, product or quotient thus rounds exactly as in float16
hardware; a convolution or matmul accumulates in float32, which an accelerator may not do.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["float", "int", "bool", "string"]


@dataclass(frozen=True)
class Element:
    """An element type.

    Attributes:
        name: as ML Programs spell it, in lower case.
        kind: what it holds.
        bits: of one element in a weight file.
        storage: PyTorch's type that holds every value of it; None for strings.
    """

    name: str
    kind: Kind
    bits: int
    storage: torch.dtype | None


ELEMENTS = {
    element.name: element
    for element in (
        Element("bool", "bool", 8, torch.bool),
        Element("string", "string", 0, None),
        Element("float16", "float", 16, torch.float16),
        Element("float32", "float", 32, torch.float32),
        Element("int4", "int", 4, torch.int8),
        Element("int8", "int", 8, torch.int8),
        Element("int16", "int", 16, torch.int16),
        Element("int32", "int", 32, torch.int32),
        Element("int64", "int", 64, torch.int64),
        Element("uint1", "int", 1, torch.uint8),
        Element("uint2", "int", 2, torch.uint8),
        Element("uint3", "int", 3, torch.uint8),
        Element("uint4", "int", 4, torch.uint8),
        Element("uint6", "int", 6, torch.uint8),
        Element("uint8", "int", 8, torch.uint8),
        Element("uint16", "int", 16, torch.uint16),
        Element("uint32", "int", 32, torch.int64),
    )
}
"""By name. Those that no operator of iOS 15 to 18 gives (float64, bfloat16) are left out."""


def kind_of(tensor: Tensor) -> Kind:
    """What a tensor holds."""
    if tensor.dtype == torch.bool:
        return "bool"
    return "float" if tensor.dtype.is_floating_point else "int"


def widened(tensor: Tensor) -> Tensor:
    """The same values in the type that they are computed with."""
    match kind_of(tensor):
        case "float":
            return tensor.to(torch.float32)
        case "int":
            return tensor.to(torch.int32)
    return tensor


def narrowed(tensor: Tensor, element: Element) -> Tensor:
    """A result in its declared type; beyond the largest float16 lies infinity.

    Raises:
        TypeError: it holds another kind of values than declared.
    """
    kind = kind_of(tensor)
    if kind != element.kind:
        raise TypeError(f"gives {kind} where {element.name} is declared")
    return tensor.to(element.storage)
