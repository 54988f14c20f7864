"""What every network to compare with says of itself."""

from torch import nn

from squeezesam.spec import TensorSpec


class PeerNetwork(nn.Module):
    """A network that knows its inputs and outputs.

    Args:
        size: side of the square input in pixels.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Inputs, in call order."""
        raise NotImplementedError

    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Outputs, in order."""
        raise NotImplementedError
