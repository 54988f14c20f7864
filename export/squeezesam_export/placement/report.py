"""All rules, and what they know against every operator of a program."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram.features import Other
from squeezesam_export.mlprogram.package import Package
from squeezesam_export.mlprogram.program import Operation, Program
from squeezesam_export.placement.layout_rules import LAYOUT_RULES, WEIGHT_RULES
from squeezesam_export.placement.operator_rules import DYNAMIC_SHAPE, ELEMENT_RULES, KERNEL_RULES
from squeezesam_export.placement.rule import INPUT, Context, Effect, Rule, context_of, result_types

RULES = tuple(
    rule
    for effect in Effect
    for rule in (*ELEMENT_RULES, *LAYOUT_RULES, *KERNEL_RULES, *WEIGHT_RULES)
    if rule.effect is effect
)


def rules_for(package: Package) -> Sequence[Rule]:
    """All, but that of dynamic shapes where the inputs have EnumeratedShapes, which it allows."""
    enumerated = any(not isinstance(one, Other) and len(one.shapes) > 1 for one in package.inputs)
    return [rule for rule in RULES if not (enumerated and rule is DYNAMIC_SHAPE)]


def macs(operation: Operation, context: Context) -> int:
    """Those of convolutions, linear layers and matrix products of known shape; else 0."""
    match operation.kind:
        case "conv" | "linear":
            (weight, *_) = context.tensors(operation, "weight")
            each = size(weight.shape[1:])
        case "matmul":
            (taken, *_) = context.tensors(operation, "x")
            transposed = context.numbers(operation, "transpose_x")
            each = size(taken.shape[-2:-1] if any(transposed) else taken.shape[-1:])
        case _:
            return 0
    return each * sum(size(type_.shape) for type_ in result_types(operation))


def size(shape: Sequence[int | None]) -> int:
    """Elements of a tensor; 0 if a side is unknown."""
    return math.prod(side or 0 for side in shape)


@dataclass(frozen=True)
class PlacementFinding:
    """A rule that an operator breaks.

    Attributes:
        rule: which.
        text: how.
    """

    rule: Rule
    text: str


@dataclass(frozen=True)
class Assessment:
    """What is known of one operator, or of one input of the program, of kind `input`.

    Attributes:
        operation: which.
        findings: against it, none if nothing is known.
        macs: its multiplications and additions.
    """

    operation: Operation
    findings: tuple[PlacementFinding, ...]
    macs: int


@dataclass(frozen=True)
class RuleSummary:
    """All operators that break one rule.

    Attributes:
        rule: which.
        assessments: of those operators, in their order.
    """

    rule: Rule
    assessments: tuple[Assessment, ...]


def assess(program: Program, rules: Sequence[Rule] = RULES) -> tuple[Assessment, ...]:
    """Every input and operator of a program.

    Raises:
        ArtifactError: an operator lacks the operands or results of its kind.
    """
    inputs = tuple(
        Operation(INPUT, named.name, f"input {named.name}", {}, (named,), has_blocks=False)
        for named in program.inputs
    )
    context = context_of(program, inputs)
    return tuple(
        assessed(operation, context, rules) for operation in (*inputs, *program.operations)
    )


def assessed(operation: Operation, context: Context, rules: Sequence[Rule]) -> Assessment:
    """One operator.

    Raises:
        ArtifactError: it lacks the operands or results of its kind.
    """
    try:
        said = [(rule, rule.check(operation, context)) for rule in rules]
        findings = tuple(PlacementFinding(rule, text) for rule, text in said if text is not None)
        return Assessment(operation, findings, macs(operation, context))
    except ValueError as error:  # of unpacking what is not there
        raise ArtifactError(
            f"{operation.place} lacks an operand or a result of its kind; convert the model again"
        ) from error


def summaries(assessments: Sequence[Assessment]) -> list[RuleSummary]:
    """One for each rule that is broken, in the order of the rules."""
    broken: dict[str, list[Assessment]] = {}
    rules: dict[str, Rule] = {}
    for one in assessments:
        for finding in one.findings:
            rules[finding.rule.name] = finding.rule
            broken.setdefault(finding.rule.name, []).append(one)
    order = [rule.name for rule in RULES]
    return [
        RuleSummary(rules[name], tuple(broken[name])) for name in sorted(broken, key=order.index)
    ]
