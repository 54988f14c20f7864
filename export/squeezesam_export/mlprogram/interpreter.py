"""Running an ML Program operator by operator, in the precision that it declares.

It follows the documented meaning of every operator, and rounds where the program says so. It does
not fuse operators, and knows nothing of how the Neural Engine accumulates and rounds.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram import ops  # noqa: F401 - fills the table of operators
from squeezesam_export.mlprogram.elements import narrowed
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
