"""How an artifact keeps its numbers: one frozen dataclass for each kind of scheme, one table."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from squeezesam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How far the answers of an artifact may be from PyTorch's on the golden cases.

    `squeezesam verify` asks this of every artifact of a scheme. The manifest of a bundle repeats
    it for the self-checks of apps.

    Attributes:
        min_mask_iou: the smallest IoU that mask 0 of any case may have.
        mean_mask_iou: the smallest mean of all IoUs, which a wrong scale anywhere pulls down.
        max_iou_error: by how much a predicted IoU may be off.
        max_click_distance: by how many pixels of the heat map a click of the detector may be off.
    """

    min_mask_iou: float
    mean_mask_iou: float
    max_iou_error: float
    max_click_distance: float


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """What all schemes have.

    Attributes:
        name: on the command line, in file names and in the manifest.
        bounds: of its artifacts.
    """

    name: str
    bounds: Bounds


@dataclass(frozen=True, kw_only=True)
class FloatScheme(Scheme):
    """Weights and activations as floating-point numbers of one type."""

    dtype: torch.dtype


@dataclass(frozen=True, kw_only=True)
class QuantizedScheme(Scheme):
    """Weights as small integers.

    Attributes:
        keep_float: blocks that stay in float (`squeezesam_export.quantization.graph`).
    """

    keep_float: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StaticInt8(QuantizedScheme):
    """Int8 weights by output channel; activations of ranges that calibration has seen.

    Attributes:
        activation_bits: 8, or 16 for accelerators that multiply 16-bit activations by int8.
    """

    activation_bits: Literal[8, 16] = 8


@dataclass(frozen=True, kw_only=True)
class WeightInt8(QuantizedScheme):
    """Int8 weights by output channel, decompressed before use; a smaller download, no more."""


@dataclass(frozen=True, kw_only=True)
class Palettized(QuantizedScheme):
    """Weights as indices into tables of 2^bits values, found by k-means.

    Attributes:
        bits: of an index.
    """

    bits: Literal[4, 6]


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        FloatScheme(
            name="fp32",
            dtype=torch.float32,
            bounds=Bounds(
                min_mask_iou=0.995,
                mean_mask_iou=0.999,
                max_iou_error=0.001,
                max_click_distance=0,
            ),
        ),
        FloatScheme(
            name="fp16",
            dtype=torch.float16,
            bounds=Bounds(
                min_mask_iou=0.995,
                mean_mask_iou=0.997,
                max_iou_error=0.01,
                max_click_distance=1,
            ),
        ),
        StaticInt8(
            name="int8",
            bounds=Bounds(
                min_mask_iou=0.8,
                mean_mask_iou=0.95,
                max_iou_error=0.15,
                max_click_distance=4,
            ),
        ),
        StaticInt8(
            name="w8a16",
            activation_bits=16,
            bounds=Bounds(
                min_mask_iou=0.9,
                mean_mask_iou=0.98,
                max_iou_error=0.1,
                max_click_distance=2,
            ),
        ),
        WeightInt8(
            name="int8-weights",
            bounds=Bounds(
                min_mask_iou=0.9,
                mean_mask_iou=0.98,
                max_iou_error=0.05,
                max_click_distance=2,
            ),
        ),
        Palettized(
            name="palette6",
            bits=6,
            bounds=Bounds(
                min_mask_iou=0.8,
                mean_mask_iou=0.95,
                max_iou_error=0.15,
                max_click_distance=4,
            ),
        ),
        Palettized(
            name="palette4",
            bits=4,
            bounds=Bounds(
                min_mask_iou=0.5,
                mean_mask_iou=0.8,
                max_iou_error=0.3,
                max_click_distance=8,
            ),
        ),
    )
}
"""By name; a new scheme is one line here and support in the targets that have it."""


def find_scheme(name: str, keep_float: Sequence[str] = ()) -> Scheme:
    """The scheme of a name.

    Args:
        name: in SCHEMES.
        keep_float: blocks that stay in float, instead of the scheme's own; none for its own.

    Raises:
        ConfigError: there is no such scheme.
    """
    if name not in SCHEMES:
        raise ConfigError(f"unknown precision {name!r}; choose from {', '.join(SCHEMES)}")
    scheme = SCHEMES[name]
    if keep_float and isinstance(scheme, QuantizedScheme):
        return dataclasses.replace(scheme, keep_float=tuple(dict.fromkeys(keep_float)))
    return scheme
