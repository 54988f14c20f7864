"""What a rule is, what it may know of the program around an operator, and what it rests on."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from torch import Tensor

from squeezesam_export.mlprogram.program import (
    Constant,
    Operand,
    Operation,
    Program,
    TensorType,
)


class SourceStanding(Enum):
    """Who says it, the strongest first."""

    APPLE = "Apple"
    COREMLTOOLS = "coremltools documentation"
    MAINTAINER = "coremltools maintainer"
    COMMUNITY = "community observation"


@dataclass(frozen=True)
class Source:
    """A page.

    Attributes:
        title: as it stands there.
        address: where it is.
        standing: who says it.
    """

    title: str
    address: str
    standing: SourceStanding


TRANSFORMERS = Source(
    "Deploying Transformers on the Apple Neural Engine",
    "https://machinelearning.apple.com/research/neural-engine-transformers",
    SourceStanding.APPLE,
)
CORE_AI_RULES = Source(
    "neural_engine_rules.md of apple/coreai-models, its model-authoring skill",
    "https://www.skills.sh/apple/coreai-models/model-authoring",
    SourceStanding.APPLE,
)
"""Written for Core AI, Core ML's successor, of the hardware as it says. The page at the address
lists the file and its topics; the file itself was read in a copy that names no repository."""
TYPED_EXECUTION = Source(
    "Typed Execution",
    "https://apple.github.io/coremltools/docs-guides/source/typed-execution.html",
    SourceStanding.COREMLTOOLS,
)
FLEXIBLE_INPUTS = Source(
    "Core ML Tools FAQs: Neural Engine With Flexible Input Shapes",
    "https://apple.github.io/coremltools/docs-guides/source/faqs.html",
    SourceStanding.COREMLTOOLS,
)
QUANTIZATION = Source(
    "Linear Quantization: Performance",
    "https://apple.github.io/coremltools/docs-guides/source/opt-quantization-perf.html",
    SourceStanding.COREMLTOOLS,
)
PALETTIZATION = Source(
    "Palettization: Performance",
    "https://apple.github.io/coremltools/docs-guides/source/opt-palettization-perf.html",
    SourceStanding.COREMLTOOLS,
)
RECURRENT = Source(
    "Tensorflow to CoreML running only on CPU",
    "https://github.com/apple/coremltools/issues/1780",
    SourceStanding.MAINTAINER,
)
UNSUPPORTED_LAYERS = Source(
    "Which Core ML layers are not supported by the ANE?",
    "https://github.com/hollance/neural-engine/blob/master/docs/unsupported-layers.md",
    SourceStanding.COMMUNITY,
)
MOBILENET_LOG = Source(
    "Issues discovered while running MobileNet V3",
    "https://github.com/hollance/neural-engine/issues/2",
    SourceStanding.COMMUNITY,
)
"""Messages of Core ML's own log, of the year 2020."""
WIDTH_PROBE = Source(
    "ffnFused ANE compile fails at 1B+: input spatial width exceeds 16,384 limit",
    "https://github.com/ncdrone/rustane/issues/13",
    SourceStanding.COMMUNITY,
)
"""Probed on one M3 Ultra, below Core ML."""


INPUT = "input"
"""Kind of the operation that stands for an input of the program."""


class Effect(Enum):
    """What a finding means; the values are what people read."""

    KEEPS_OFF = "keeps it off"
    SLOWS = "slows"


@dataclass(frozen=True)
class Context:
    """The values of a program by name.

    Attributes:
        types: of everything that is a tensor.
        constants: what the program holds.
        producers: the operator behind every other value; inputs have one of kind `input`.
    """

    types: dict[str, TensorType]
    constants: dict[str, Constant]
    producers: dict[str, Operation]

    def type_of(self, operand: Operand) -> TensorType | None:
        """Type of a tensor; None for what is no tensor."""
        return operand.type if isinstance(operand, Constant) else self.types.get(operand)

    def numbers(self, operation: Operation, parameter: str) -> tuple[float, ...]:
        """The numbers that a parameter holds; none if it is absent or not constant."""
        (operand, *_) = operation.operands.get(parameter, ("",))
        constant = operand if isinstance(operand, Constant) else self.constants.get(operand)
        if constant is None or not isinstance(constant.value, Tensor):
            return ()
        return tuple(constant.value.flatten().tolist())

    def integers(self, operation: Operation, parameter: str) -> tuple[int, ...]:
        """Likewise, whole numbers."""
        return tuple(int(number) for number in self.numbers(operation, parameter))

    def computed(self, operand: Operand) -> bool:
        """Whether a value is known at run time only, unlike constants and weights."""
        if isinstance(operand, Constant) or operand not in self.producers:
            return False
        return not self.producers[operand].decompresses

    def tensors(self, operation: Operation, parameter: str) -> list[TensorType]:
        """Types of the tensors that a parameter takes."""
        found = map(self.type_of, operation.operands.get(parameter, ()))
        return [one for one in found if one is not None]


Check = Callable[[Operation, Context], str | None]
"""What is to be said against an operator, or nothing."""


@dataclass(frozen=True)
class Rule:
    """Something that is known of the Neural Engine.

    Attributes:
        name: in reports.
        effect: what breaking it means.
        says: what the source says, in our words.
        source: where.
        check: finds the operators that it is about.
    """

    name: str
    effect: Effect
    says: str
    source: Source
    check: Check


def context_of(program: Program, inputs: tuple[Operation, ...]) -> Context:
    """The values of a program.

    Args:
        program: any.
        inputs: operations that stand for its inputs.
    """
    operations = (*inputs, *program.operations)
    named = [one for operation in operations for one in operation.outputs]
    types = {name: one.type for name, one in program.constants.items() if one.type is not None}
    types |= {one.name: one.type for one in named if one.type is not None}
    producers = {one.name: operation for operation in operations for one in operation.outputs}
    return Context(types, program.constants, producers)


def result_types(operation: Operation) -> list[TensorType]:
    """Types of the tensors that an operator gives."""
    return [output.type for output in operation.outputs if output.type is not None]
