"""What is known against every operator of a program."""

from collections.abc import Sequence
from dataclasses import dataclass

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram.program import Operation, Program
from squeezesam_export.placement.macs import macs
from squeezesam_export.placement.rule import INPUT, Context, Rule, context_of
from squeezesam_export.placement.rules import RULES


@dataclass(frozen=True)
class Finding:
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
    findings: tuple[Finding, ...]
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
        findings = tuple(Finding(rule, text) for rule, text in said if text is not None)
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
