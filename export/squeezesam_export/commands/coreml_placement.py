"""`squeezesam coreml-placement`: what is known to keep a Core ML package off the Neural Engine."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from squeezesam.terminal import aligned_table

if TYPE_CHECKING:
    from squeezesam_export.placement.report import Assessment, RuleSummary

HELP = "list what is documented to keep operators of a Core ML package off the Neural Engine"
GROUP = "ship"
EXAMPLE = "squeezesam coreml-placement model.mlpackage --ops"
HEADER = ("rule", "effect", "found", "MACs", "the first")
TEXT_COLUMNS = {"rule", "effect", "the first"}
CAVEAT = (
    "MACs: of convolutions, linear layers and matrix products of known shape.\n"
    "This is what is documented to keep an operator off the Neural Engine, or to slow it; "
    "no device was asked.\n"
    "On a Mac, MLComputePlan (coremltools) or Xcode's performance report tells what really happens."
)
NOTHING = "nothing known against it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("package", type=Path, help="an .mlpackage that holds an ML Program")
    parser.add_argument("--ops", action="store_true", help="list every input and operator")


def run(args: argparse.Namespace) -> None:
    """Read the package and print the report."""
    from squeezesam_export.mlprogram.package import read_package
    from squeezesam_export.placement.report import assess, rules_for, summaries

    package = read_package(args.package)
    assessments = assess(package.program, rules_for(package))
    if args.ops:
        print("\n".join(map(line, assessments)), end="\n\n")
    print(headline(assessments))
    found = summaries(assessments)
    if found:
        total = sum(one.macs for one in assessments)
        print(aligned_table(HEADER, [row(one, total) for one in found], TEXT_COLUMNS), end="\n\n")
        print("\n".join(map(reason, found)), end="\n\n")
    print(CAVEAT)


def headline(assessments: "Sequence[Assessment]") -> str:
    """Counts of the whole."""
    from squeezesam_export.placement.rule import INPUT

    inputs = sum(one.operation.kind == INPUT for one in assessments)
    clean = sum(not one.findings for one in assessments)
    return (
        f"{len(assessments) - inputs} operators and {inputs} inputs; "
        f"nothing is known against {clean} of them"
    )


def row(summary: "RuleSummary", total_macs: int) -> tuple[str, ...]:
    """A rule in the table; its share of all multiplications and additions."""
    share = sum(one.macs for one in summary.assessments) / max(total_macs, 1)
    first = summary.assessments[0]
    texts = [finding.text for finding in first.findings if finding.rule is summary.rule]
    return (
        summary.rule.name,
        summary.rule.effect.value,
        str(len(summary.assessments)),
        f"{share:.1%}",
        f"{first.operation.kind} {first.operation.name}: {texts[0]}",
    )


def reason(summary: "RuleSummary") -> str:
    """What a rule says, and who."""
    source = summary.rule.source
    return (
        f"{summary.rule.name}: {summary.rule.says} "
        f"[{source.standing.value}: {source.title}, {source.address}]"
    )


def line(assessment: "Assessment") -> str:
    """An operator and what is known against it."""
    operation = assessment.operation
    texts = [
        f"{finding.rule.name} ({finding.rule.effect.value}): {finding.text}"
        for finding in assessment.findings
    ]
    return f"{operation.kind} {operation.name}: {'; '.join(texts) or NOTHING}"
