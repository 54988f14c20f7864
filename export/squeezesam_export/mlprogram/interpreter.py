"""Running an ML Program operator by operator, in the precision that it declares, on any platform.

It follows the documented meaning of every operator, and rounds where the program says so. It does
not fuse operators, and knows nothing of how the Neural Engine accumulates and rounds.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram import ops  # noqa: F401 - fills the table of operators
from squeezesam_export.mlprogram.elements import narrowed
from squeezesam_export.mlprogram.features import Array, Other, Picture
from squeezesam_export.mlprogram.package import DAMAGE, read_package
from squeezesam_export.mlprogram.program import (
    Constant,
    Named,
    Operation,
    Program,
    Value,
    last_uses,
)
from squeezesam_export.mlprogram.registry import Implementation, UnsupportedError, find

Observe = Callable[[Operation, Mapping[str, Value]], None]
"""Is told of each operator that has run, and of its results by name."""

MOST_ELEMENTS = 2**28
"""Of one result; attention of 16 heads over 4096 tokens, as in SAM ViT-H, has so many."""


class Interpreter:
    """A program that can be called; its weights are decompressed once, when it is made.

    Args:
        program: what to run.

    Raises:
        ArtifactError: the program has operators that are unknown here, or weights that do not fit.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.constants = {name: constant.value for name, constant in program.constants.items()}
        implementations = known_operators(program)
        check_sizes(program.operations)
        steps = []
        for operation in program.operations:
            implementation = implementations[operation.kind]
            if operation.decompresses:
                self.constants |= apply(operation, implementation, self.constants)
            else:
                steps.append((operation, implementation))
        uses = last_uses([operation for operation, _ in steps], program.outputs)
        self.steps = [(*step, names) for step, names in zip(steps, uses, strict=True)]

    def __call__(
        self, inputs: Mapping[str, Tensor], observe: Observe | None = None
    ) -> dict[str, Value]:
        """Values of the outputs.

        Args:
            inputs: by name, each of the declared type.
            observe: sees every result on the way; None where nobody looks.

        Raises:
            ArtifactError: an input is absent or of another type, or an operator fails.
        """
        scope = dict(self.constants)
        for declared in self.program.inputs:
            if declared.name not in inputs:
                raise ArtifactError(f"input {declared.name} is absent")
            try:
                scope[declared.name] = declared_result(inputs[declared.name], declared)
            except (TypeError, ValueError) as error:
                raise ArtifactError(f"input {declared.name} does not fit: {error}") from error
        with torch.inference_mode():
            for operation, implementation, unused in self.steps:
                results = apply(operation, implementation, scope)
                if observe is not None:
                    observe(operation, results)
                scope |= results
                for name in unused:
                    scope.pop(name, None)
        try:
            return {name: scope[name] for name in self.program.outputs}
        except KeyError as error:
            raise ArtifactError(f"no operator gives output {error}; convert again") from error


def known_operators(program: Program) -> dict[str, Implementation]:
    """The implementation of every kind that a program has.

    Raises:
        ArtifactError: some are unknown; each is named with its first place.
    """
    found: dict[str, Implementation] = {}
    unknown: dict[str, str] = {}
    for operation in program.operations:
        implementation = find(operation.kind, program.opset)
        if implementation and not operation.has_blocks:
            found[operation.kind] = implementation
        else:
            unknown.setdefault(operation.kind, operation.place)
    if unknown:
        raise ArtifactError(
            f"the reference interpreter does not know, in operator set {program.opset}: "
            + "; ".join(unknown.values())
        )
    return found


def check_sizes(operations: Sequence[Operation]) -> None:
    """See that no operator declares a result that memory may not hold.

    Raises:
        ArtifactError: one does.
    """
    for operation in operations:
        for output in operation.outputs:
            sides = output.type.shape if output.type else ()
            if math.prod(side for side in sides if side is not None) > MOST_ELEMENTS:
                raise ArtifactError(
                    f"{operation.place} gives {output.type}, which is more than this interpreter "
                    "holds; convert it for smaller inputs"
                )


def apply(
    operation: Operation, implementation: Implementation, scope: Mapping[str, Value]
) -> dict[str, Value]:
    """Results of one operator, by name, in their declared types.

    Raises:
        ArtifactError: the operator fails, or gives something else than declared.
    """
    try:
        operands = {
            name: tuple(one.value if isinstance(one, Constant) else scope[one] for one in many)
            for name, many in operation.operands.items()
        }
        results = implementation.function(**implementation.arguments(operands))
        several = results if isinstance(results, tuple) else (results,)
        return {
            declared.name: declared_result(result, declared)
            for result, declared in zip(several, operation.outputs, strict=True)
        }
    except (
        UnsupportedError,
        TypeError,
        ValueError,
        LookupError,
        ArithmeticError,
        RuntimeError,
    ) as error:
        # PyTorch and numpy raise these of values that do not fit one another.
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ArtifactError(f"{operation.place} fails: {reason}") from error


def declared_result(value: Value, declared: Named) -> Value:
    """A value in its declared type.

    Raises:
        ValueError: it has another shape.
        TypeError: it holds something else.
    """
    if declared.type is None or not isinstance(value, Tensor):
        return value
    if not fits(value.shape, declared.type.shape):
        raise ValueError(f"{declared.name} has shape {list(value.shape)}, not {declared.type}")
    return narrowed(value, declared.type.element)


def fits(shape: Sequence[int], declared: Sequence[int | None]) -> bool:
    """Whether a shape is as declared; None stands for any side."""
    return len(shape) == len(declared) and all(
        wanted in (None, side) for side, wanted in zip(shape, declared, strict=True)
    )


MOST_FILLED = 2**26
"""Elements of an optional array."""


class InterpretedModel:
    """An .mlpackage in the reference interpreter, called as coremltools' MLModel is on a Mac.

    Args:
        path: of the package.

    Raises:
        ArtifactError: missing, damaged, no ML Program, or with operators that are unknown here.
        MissingDependencyError: coremltools is not installed.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path = Path(path)
        package = read_package(path)
        self.interpreter = Interpreter(package.program)
        if package.keeps_state or any(isinstance(one, Other) for one in package.inputs):
            raise ArtifactError(
                f"{path} keeps state or takes other inputs than pictures and arrays, which the "
                "reference interpreter does not know"
            )
        self.inputs = [one for one in package.inputs if not isinstance(one, Other)]
        self.outputs = list(package.outputs)
        absent = {one.name for one in self.outputs} - set(package.program.outputs)
        if absent:
            raise ArtifactError(
                f"{path} describes outputs that its program does not give: "
                f"{', '.join(sorted(absent))}; convert it again"
            )

    def predict(self, data: Mapping[str, object], observe: Observe | None = None) -> dict[str, Any]:
        """Outputs by name: arrays, pictures, or a classifier's label and probabilities.

        Args:
            data: for each input a Pillow image or an array; an optional array may be left out.
            observe: sees the results of every operator; None where nobody looks.

        Raises:
            ArtifactError: an input is absent, unknown or of another shape, or an operator fails.
        """
        names = {feature.name for feature in self.inputs}
        optional = {
            one.name for one in self.inputs if isinstance(one, Array) and one.fill is not None
        }
        if not names - optional <= data.keys() <= names:
            wrong = ", ".join(sorted((data.keys() ^ names) - (optional - data.keys())))
            raise ArtifactError(f"{self.path} takes {', '.join(sorted(names))}; look at {wrong}")
        answers = self.interpreter(
            {one.name: one.encode(data.get(one.name, left_out(one))) for one in self.inputs},
            observe,
        )
        try:
            return {one.name: one.decode(answers[one.name]) for one in self.outputs}
        except DAMAGE as error:
            raise ArtifactError(
                f"{self.path} gives other outputs than it describes ({error}); convert it again"
            ) from error


def left_out(feature: Picture | Array) -> object:
    """What an optional input is when nothing is given for it.

    Raises:
        ArtifactError: the description declares an array that no memory holds.
    """
    if not isinstance(feature, Array) or feature.fill is None:
        return None
    if math.prod(feature.default) > MOST_FILLED:
        raise ArtifactError(
            f"{feature.name} of {feature.shape_text} is too large; convert it again"
        )
    return np.full(feature.default, feature.fill, feature.dtype)
