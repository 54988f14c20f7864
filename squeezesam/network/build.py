"""From a configuration to its network."""

from squeezesam.config import ReferenceConfig, SqueezeSamConfig
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
