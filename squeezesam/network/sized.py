"""What can be trained at one input size after another."""

from typing import ClassVar

from torch import nn

from squeezesam.spec import SEGMENTER, NetworkKind


class SizedNetwork(nn.Module):
    """A network that is prepared for one size of square inputs at a time.

    Attributes:
        kind: what kind of network it is.
        size: side of the square input in pixels.
    """

    kind: ClassVar[NetworkKind] = SEGMENTER
    size: int

    def set_size(self, size: int) -> None:
        """Prepare for inputs of `size` pixels; the weights do not change.

        Raises:
            ConfigError: the network does not take this size.
        """
        raise NotImplementedError
