"""From a configuration to its network."""

from squeezesam.config import DetectorConfig, ReferenceConfig, SqueezeSamConfig
from squeezesam.network.detector import SaliencyDetector
from squeezesam.network.model import SqueezeSam
from squeezesam.network.reference import ReferenceSam
from squeezesam.spec import INPUT_SIZE


def build_network(
    config: SqueezeSamConfig | ReferenceConfig, size: int = INPUT_SIZE
) -> SqueezeSam | ReferenceSam:
    """A network with random weights for square inputs of `size` pixels.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    if isinstance(config, ReferenceConfig):
        return ReferenceSam(config, size)
    return SqueezeSam(config, size)


def build_trained(
    config: SqueezeSamConfig | DetectorConfig, size: int = INPUT_SIZE
) -> SqueezeSam | SaliencyDetector:
    """A network of which weights are kept, with random ones for now.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    if isinstance(config, DetectorConfig):
        return SaliencyDetector(config, size)
    return SqueezeSam(config, size)
