"""Rules about element types and shapes that are unknown before the program runs."""

from squeezesam_export.mlprogram.program import Operation
from squeezesam_export.placement.rule import INPUT, Context, Effect, Rule, result_types
from squeezesam_export.placement.sources import (
    CORE_AI_RULES,
    FLEXIBLE_INPUTS,
    TYPED_EXECUTION,
)

NATIVE = {"float16", "int8", "int16", "uint8", "int4", "uint1", "uint2", "uint3", "uint4", "uint6"}
"""Apple lists float16, int8 and int16. The unsigned and the shorter ones are the forms of quantized
activations and weights, which coremltools documents to run there."""


def float32(operation: Operation, context: Context) -> str | None:
    """An operator that computes in float32."""
    if operation.kind in (INPUT, "cast"):
        return None
    for type_ in result_types(operation):
        if type_.element.name == "float32":
            return f"gives {type_}"
    for many in operation.operands.values():
        for operand in many:
            taken = context.type_of(operand)
            if context.computed(operand) and taken and taken.element.name == "float32":
                return f"takes {taken}"
    return None


def cast(operation: Operation, context: Context) -> str | None:
    """A change of the element type."""
    if operation.kind != "cast":
        return None
    (taken, *_), (given, *_) = context.tensors(operation, "x"), result_types(operation)
    return f"{taken} becomes {given.element.name}"


def element_type(operation: Operation, context: Context) -> str | None:
    """An operator that computes with int32, bool and the like."""
    del context
    for type_ in result_types(operation):
        if type_.element.name not in NATIVE | {"float32"} and operation.kind != INPUT:
            return f"gives {type_}"
    return None


def dynamic_shape(operation: Operation, context: Context) -> str | None:
    """A shape that is known at run time only."""
    del context
    for type_ in result_types(operation):
        if None in type_.shape:
            return f"gives {type_}"
    return None


DYNAMIC_SHAPE = Rule(
    "dynamic-shape",
    Effect.KEEPS_OFF,
    "Layers whose shapes are unknown before the run, such as a dynamic reshape, are not "
    "supported; fixed shapes are, and EnumeratedShapes. The guide's page on flexible shapes "
    "adds that from iOS 17.4 on a range may do with the hint reshapeFrequency=Infrequent.",
    FLEXIBLE_INPUTS,
    dynamic_shape,
)

ELEMENT_RULES = (
    Rule(
        "float32",
        Effect.KEEPS_OFF,
        "A program runs in the precision that it is typed with, and the Neural Engine has no "
        "float32.",
        TYPED_EXECUTION,
        float32,
    ),
    Rule(
        "element-type",
        Effect.KEEPS_OFF,
        "The Neural Engine computes with float16, int8 and int16.",
        CORE_AI_RULES,
        element_type,
    ),
    DYNAMIC_SHAPE,
    Rule(
        "cast",
        Effect.SLOWS,
        "Casts may copy memory.",
        CORE_AI_RULES,
        cast,
    ),
)
