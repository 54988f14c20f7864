"""What can be trained at one input size after another."""

from torch import nn


class SizedNetwork(nn.Module):
    """A network that is prepared for one size of square inputs at a time."""

    def set_size(self, size: int) -> None:
        """Prepare for inputs of `size` pixels; the weights do not change.

        Raises:
            ConfigError: the network does not take this size.
        """
        raise NotImplementedError
