"""Functions of one element."""

from torch import Tensor

from squeezesam_export.mlprogram.elements import ELEMENTS, widened
from squeezesam_export.mlprogram.registry import UnsupportedError, op

ABBREVIATIONS = {"fp16": "float16", "fp32": "float32"}


@op("cast")
def cast(x: Tensor, dtype: str) -> Tensor:
    """Another element type; towards zero from float to int."""
    element = ELEMENTS.get(ABBREVIATIONS.get(dtype, dtype))
    if element is None or element.storage is None:
        raise UnsupportedError(f"dtype {dtype!r} is unknown")
    return widened(x.to(element.storage))
