"""Rules about single kinds of operators, their parameters and their element types."""

from squeezesam_export.mlprogram.program import Operation
from squeezesam_export.placement.rule import (
    CORE_AI_RULES,
    FLEXIBLE_INPUTS,
    INPUT,
    MOBILENET_LOG,
    RECURRENT,
    TYPED_EXECUTION,
    UNSUPPORTED_LAYERS,
    Context,
    Effect,
    Rule,
    result_types,
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


CONVOLUTIONS = {"conv", "conv_transpose"}
POOLS = {"avg_pool", "max_pool", "l2_pool"}
UPSAMPLERS = {
    "upsample_bilinear",
    "upsample_nearest_neighbor",
    "resize_bilinear",
    "resize_nearest_neighbor",
    "resize",
}
BINARY = {"add", "sub", "mul", "real_div", "maximum", "minimum"}
LARGE_KERNEL = 9
MAX_POOL_KERNEL = 13
POOL_STRIDES = {1, 2, 4}
SMALL_STRIDES = {1, 2}
EQUAL_STRIDES = {4, 6, 8, 9, 12, 16, 24, 32}
STRIDES_BESIDE_2 = {3, 4, 8, 9}
CHEAP_DILATIONS = {1, 2, 3}
UPSAMPLING = 2


def recurrent(operation: Operation, context: Context) -> str | None:
    """A recurrent layer."""
    del context
    return operation.kind if operation.kind in ("rnn", "lstm", "gru") else None


def gather(operation: Operation, context: Context) -> str | None:
    """A look-up."""
    del context
    return operation.kind if operation.kind.startswith("gather") else None


def broadcast(operation: Operation, context: Context) -> str | None:
    """Arithmetic of two computed tensors of different shapes."""
    taken = [one for name in ("x", "y") for one in operation.operands.get(name, ())]
    if operation.kind not in BINARY or not all(map(context.computed, taken)):
        return None
    types = [one for one in map(context.type_of, taken) if one is not None]
    if len({one.shape for one in types}) == 1:
        return None
    return " with ".join(map(str, types))


def pool_kernel(operation: Operation, context: Context) -> str | None:
    """A pool over many cells."""
    sides = context.integers(operation, "kernel_sizes")
    if operation.kind in POOLS and max(sides, default=0) > MAX_POOL_KERNEL:
        return f"kernel {list(sides)}"
    return None


def pool_stride(operation: Operation, context: Context) -> str | None:
    """A pool with an odd stride."""
    strides = context.integers(operation, "strides")
    if operation.kind in POOLS and not POOL_STRIDES.issuperset(strides):
        return f"strides {list(strides)}"
    return None


def upsampling(operation: Operation, context: Context) -> str | None:
    """Enlarging by something else than 2."""
    if operation.kind not in UPSAMPLERS:
        return None
    (taken, *_), (given, *_) = context.tensors(operation, "x"), result_types(operation)
    for small, large in zip(taken.shape[-2:], given.shape[-2:], strict=True):
        if small is not None and large != UPSAMPLING * small:
            return f"{taken} becomes {list(given.shape)}"
    return None


def large_kernel(operation: Operation, context: Context) -> str | None:
    """A convolution over many cells."""
    if operation.kind not in CONVOLUTIONS:
        return None
    for weight in context.tensors(operation, "weight"):
        if any(side is not None and side >= LARGE_KERNEL for side in weight.shape[2:]):
            return f"kernel {list(weight.shape[2:])}"
    return None


def conv_stride(operation: Operation, context: Context) -> str | None:
    """A convolution with an odd stride."""
    strides = set(context.integers(operation, "strides"))
    if operation.kind not in CONVOLUTIONS or strides <= SMALL_STRIDES:
        return None
    if len(strides) == 1 and strides <= EQUAL_STRIDES:
        return None
    if 2 in strides and strides - {2} <= STRIDES_BESIDE_2:
        return None
    return f"strides {list(context.integers(operation, 'strides'))}"


def dilation(operation: Operation, context: Context) -> str | None:
    """A convolution that spreads far."""
    dilations = context.integers(operation, "dilations")
    if operation.kind in CONVOLUTIONS and not CHEAP_DILATIONS.issuperset(dilations):
        return f"dilations {list(dilations)}"
    return None


KERNEL_RULES = (
    Rule(
        "recurrent",
        Effect.KEEPS_OFF,
        "RNN and LSTM operators are not supported on the Neural Engine.",
        RECURRENT,
        recurrent,
    ),
    Rule(
        "gather",
        Effect.KEEPS_OFF,
        "Gathering is on a list of layers that do not work there; some of it is guessed.",
        UNSUPPORTED_LAYERS,
        gather,
    ),
    Rule(
        "broadcast",
        Effect.KEEPS_OFF,
        "Arithmetic that broadcasts was supported with a constant only.",
        MOBILENET_LOG,
        broadcast,
    ),
    Rule(
        "pool-kernel",
        Effect.KEEPS_OFF,
        f"A pool's kernel of more than {MAX_POOL_KERNEL} was refused.",
        MOBILENET_LOG,
        pool_kernel,
    ),
    Rule(
        "upsampling",
        Effect.KEEPS_OFF,
        f"Upsampling by another factor than {UPSAMPLING} was refused.",
        MOBILENET_LOG,
        upsampling,
    ),
    Rule(
        "pool-stride",
        Effect.SLOWS,
        "Pools with strides other than 2 or 4 cost more.",
        CORE_AI_RULES,
        pool_stride,
    ),
    Rule(
        "large-kernel",
        Effect.SLOWS,
        "Large convolutions are expensive; two of 5x5 do what one of 9x9 does.",
        CORE_AI_RULES,
        large_kernel,
    ),
    Rule(
        "conv-stride",
        Effect.SLOWS,
        "Beyond 2, strides should be equal and have no factors but 2 and 3, or be 2 beside 3, 4, 8 "
        "or 9.",
        CORE_AI_RULES,
        conv_stride,
    ),
    Rule(
        "dilation",
        Effect.SLOWS,
        "Dilations beyond 3 are expensive; chains of convolutions with 2 and 3 do the same.",
        CORE_AI_RULES,
        dilation,
    ),
)
