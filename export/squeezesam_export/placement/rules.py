"""All rules, those that keep operators off the Neural Engine first."""

from collections.abc import Sequence

from squeezesam_export.mlprogram.features import Other
from squeezesam_export.mlprogram.package import Package
from squeezesam_export.placement.element_rules import DYNAMIC_SHAPE, ELEMENT_RULES
from squeezesam_export.placement.kernel_rules import KERNEL_RULES
from squeezesam_export.placement.layout_rules import LAYOUT_RULES
from squeezesam_export.placement.rule import Effect, Rule
from squeezesam_export.placement.weight_rules import WEIGHT_RULES

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
