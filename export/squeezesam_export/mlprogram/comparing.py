"""Two packages on the same inputs: how far their outputs are apart, and where that begins."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram.interpreter import InterpretedModel
from squeezesam_export.mlprogram.program import Operation, Value

CONVERSION = re.compile(r"(_(cast|to)_fp(16|32)|_(de)?quantized)(_\d+)?$")
"""Endings that coremltools gives to values which it converts to another type."""


@dataclass(frozen=True)
class Difference:
    """How far a value is from that of the reference.

    Attributes:
        name: of the output; of an operator its place, name and kind.
        max_error: largest absolute difference of two elements; infinite where one of them is NaN or
            infinite and the other is not.
        sqnr_db: power of the reference over that of the difference, in decibels; infinite where
            there is no difference.
    """

    name: str
    max_error: float
    sqnr_db: float


@dataclass(frozen=True)
class PackageComparison:
    """Two packages on one set of inputs.

    Attributes:
        outputs: one difference for each output, in the package's order.
        first: the first operator, in the package's order, whose results are beyond the bound; None
            where there is none.
        compared: operators whose results both packages have, by name and shape.
        operators: that ran.
    """

    outputs: tuple[Difference, ...]
    first: Difference | None
    compared: int
    operators: int


def compare(
    model: InterpretedModel,
    reference: InterpretedModel,
    data: Mapping[str, object],
    bound_db: float,
) -> PackageComparison:
    """Run two packages on the same inputs and compare all that both have a name for.

    The reference's results are held in memory until the model's have been compared with them.

    Args:
        model: the package in question.
        reference: what it is compared with, such as the same network in float32.
        data: for each input of both a Pillow image or an array.
        bound_db: the SQNR, in decibels, below which the results of an operator are beyond the
            bound.

    Raises:
        ArtifactError: one of them does not take these inputs, they give different outputs, or an
            operator fails.
    """
    expected: dict[tuple[str, bool], Tensor] = {}
    differences: list[Difference] = []
    operators = 0

    def keep(_: Operation, results: Mapping[str, Value]) -> None:
        for name, value in results.items():
            if isinstance(value, Tensor):
                expected.setdefault(key(name, value), value)

    def hold_against(operation: Operation, results: Mapping[str, Value]) -> None:
        nonlocal operators
        operators += 1
        found = []
        for name, value in results.items():
            if not isinstance(value, Tensor):
                continue
            wanted = expected.get(key(name, value))
            if wanted is not None and value.shape == wanted.shape:
                found.append(difference(operation.place, value.numpy(), wanted.numpy()))
        if found:
            differences.append(min(found, key=lambda one: one.sqnr_db))

    wanted_outputs = reference.predict(data, keep)
    outputs = model.predict(data, hold_against)
    if outputs.keys() != wanted_outputs.keys():
        raise ArtifactError(
            f"{model.path} gives {', '.join(outputs)} and {reference.path} gives "
            f"{', '.join(wanted_outputs)}; compare packages with the same outputs"
        )
    return PackageComparison(
        tuple(output_difference(name, outputs[name], wanted_outputs[name]) for name in outputs),
        next((one for one in differences if one.sqnr_db < bound_db), None),
        len(differences),
        operators,
    )


def key(name: str, value: Tensor) -> tuple[str, bool]:
    """What a value is known by in every precision of a network.

    Returns:
        its name without what tells that it was converted to another type, and whether it holds
        floating-point numbers: the integers of a quantized value are not comparable with it.
    """
    while (shorter := CONVERSION.sub("", name)) != name:
        name = shorter
    return name, value.is_floating_point()


def output_difference(name: str, value: Any, wanted: Any) -> Difference:
    """How far an output is from the reference's: an array, a picture, or shares of classes.

    Raises:
        ArtifactError: they are of different kinds or shapes.
    """
    if isinstance(value, dict) and isinstance(wanted, dict) and value.keys() == wanted.keys():
        value, wanted = list(value.values()), [wanted[key] for key in value]
    comparable = (np.ndarray, Image.Image, list)
    if not isinstance(value, comparable) or not isinstance(wanted, comparable):
        same = value == wanted
        return Difference(name, *((0.0, math.inf) if same else (math.inf, -math.inf)))
    arrays = np.asarray(value), np.asarray(wanted)
    if arrays[0].shape != arrays[1].shape:
        shapes = " and ".join("x".join(map(str, one.shape)) for one in arrays)
        raise ArtifactError(f"output {name} has the shapes {shapes}; compare equal ones")
    return difference(name, *arrays)


def difference(name: str, value: Any, wanted: Any) -> Difference:
    """How far an array is from a reference of the same shape."""
    value, wanted = np.asarray(value, np.float64), np.asarray(wanted, np.float64)
    same = (value == wanted) | (np.isnan(value) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):  # infinity less infinity
        errors = np.where(same, 0, np.abs(value - wanted))
    errors[np.isnan(errors)] = math.inf
    noise = float(np.square(errors).sum())
    power = float(np.square(wanted[np.isfinite(wanted)]).sum())
    return Difference(name, float(errors.max(initial=0)), decibels(power, noise))


def decibels(power: float, noise: float) -> float:
    """The ratio of two powers in decibels."""
    if noise == 0:
        return math.inf
    return -math.inf if power == 0 or math.isinf(noise) else 10 * math.log10(power / noise)
