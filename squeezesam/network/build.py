"""From a configuration to its network."""

from squeezesam.config import DetectorConfig, ReferenceConfig, SqueezeSamConfig
from squeezesam.network.detector import SaliencyDetector
from squeezesam.network.model import SqueezeSam
from squeezesam.network.reference import PUBLISHED_SIZE, ReferenceSam
from squeezesam.spec import DETECTOR, SEGMENTER


def build_network(
    config: SqueezeSamConfig | ReferenceConfig | DetectorConfig, size: int | None = None
) -> SqueezeSam | ReferenceSam | SaliencyDetector:
    """A network with random weights.

    Args:
        config: widths and depths.
        size: side of the square input in pixels; by default that of the kind of network.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    if isinstance(config, ReferenceConfig):
        return ReferenceSam(config, PUBLISHED_SIZE if size is None else size)
    return build_trained(config, size)


def build_trained(
    config: SqueezeSamConfig | DetectorConfig, size: int | None = None
) -> SqueezeSam | SaliencyDetector:
    """Build a network of a variant with random weights.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    if isinstance(config, DetectorConfig):
        return SaliencyDetector(config, DETECTOR.size if size is None else size)
    return SqueezeSam(config, SEGMENTER.size if size is None else size)
