"""All rules, those that keep operators off the Neural Engine first."""

from squeezesam_export.placement.element_rules import ELEMENT_RULES
from squeezesam_export.placement.kernel_rules import KERNEL_RULES
from squeezesam_export.placement.layout_rules import LAYOUT_RULES
from squeezesam_export.placement.rule import Effect
from squeezesam_export.placement.weight_rules import WEIGHT_RULES

RULES = tuple(
    rule
    for effect in Effect
    for rule in (*ELEMENT_RULES, *LAYOUT_RULES, *KERNEL_RULES, *WEIGHT_RULES)
    if rule.effect is effect
)
