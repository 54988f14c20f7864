"""From a configuration to its network."""

from squeezesam.config import DetectorConfig, ReferenceConfig, SqueezeSamConfig
from squeezesam.network.detector import SaliencyDetector
from squeezesam.network.model import SqueezeSam
from squeezesam.network.reference import ReferenceSam
from squeezesam.spec import INPUT_SIZE


def build_network(
    config: SqueezeSamConfig | ReferenceConfig | DetectorConfig, size: int = INPUT_SIZE
) -> SqueezeSam | ReferenceSam | SaliencyDetector:
    """A network with random weights for square inputs of `size` pixels.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    if isinstance(config, ReferenceConfig):
        return ReferenceSam(config, size)
    return build_trained(config, size)


def build_trained(
    config: SqueezeSamConfig | DetectorConfig, size: int = INPUT_SIZE
) -> SqueezeSam | SaliencyDetector:
    """One of the networks of which weights are kept, with random ones for now.

    Raises:
        ConfigError: `size` does not fit the network.
    """
    if isinstance(config, DetectorConfig):
        return SaliencyDetector(config, size)
    return SqueezeSam(config, size)
