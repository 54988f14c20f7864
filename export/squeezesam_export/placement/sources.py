"""What the rules rest on; every page was read in a stored copy, in November 2026."""

from dataclasses import dataclass
from enum import Enum


class Standing(Enum):
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
    standing: Standing


TRANSFORMERS = Source(
    "Deploying Transformers on the Apple Neural Engine",
    "https://machinelearning.apple.com/research/neural-engine-transformers",
    Standing.APPLE,
)
CORE_AI_RULES = Source(
    "neural_engine_rules.md of apple/coreai-models, its model-authoring skill",
    "https://www.skills.sh/apple/coreai-models/model-authoring",
    Standing.APPLE,
)
"""Written for Core AI, Core ML's successor, of the hardware as it says. The page at the address
lists the file and its topics; the file itself was read in a copy that names no repository."""
TYPED_EXECUTION = Source(
    "Typed Execution",
    "https://apple.github.io/coremltools/docs-guides/source/typed-execution.html",
    Standing.COREMLTOOLS,
)
FLEXIBLE_INPUTS = Source(
    "Core ML Tools FAQs: Neural Engine With Flexible Input Shapes",
    "https://apple.github.io/coremltools/docs-guides/source/faqs.html",
    Standing.COREMLTOOLS,
)
QUANTIZATION = Source(
    "Linear Quantization: Performance",
    "https://apple.github.io/coremltools/docs-guides/source/opt-quantization-perf.html",
    Standing.COREMLTOOLS,
)
PALETTIZATION = Source(
    "Palettization: Performance",
    "https://apple.github.io/coremltools/docs-guides/source/opt-palettization-perf.html",
    Standing.COREMLTOOLS,
)
RECURRENT = Source(
    "Tensorflow to CoreML running only on CPU",
    "https://github.com/apple/coremltools/issues/1780",
    Standing.MAINTAINER,
)
UNSUPPORTED_LAYERS = Source(
    "Which Core ML layers are not supported by the ANE?",
    "https://github.com/hollance/neural-engine/blob/master/docs/unsupported-layers.md",
    Standing.COMMUNITY,
)
MOBILENET_LOG = Source(
    "Issues discovered while running MobileNet V3",
    "https://github.com/hollance/neural-engine/issues/2",
    Standing.COMMUNITY,
)
"""Messages of Core ML's own log, of the year 2020."""
WIDTH_PROBE = Source(
    "ffnFused ANE compile fails at 1B+: input spatial width exceeds 16,384 limit",
    "https://github.com/ncdrone/rustane/issues/13",
    Standing.COMMUNITY,
)
"""Probed on one M3 Ultra, below Core ML."""
