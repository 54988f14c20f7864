"""Weights that have diverged show before anything is made of them."""

from torch import Tensor

from squeezesam.errors import WeightsError
from squeezesam.runtimes import NetworkCallable


def finite_only(model: NetworkCallable) -> NetworkCallable:
    """The network, whose every answer is looked at.

    Raises:
        WeightsError: when called, where it answers NaN or infinity.
    """

    def network(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        answer = model(*inputs)
        if not all(part.isfinite().all() for part in answer):
            raise WeightsError(
                "with these weights the network answers NaN or infinity in float32; "
                "give others, or train again with a lower learning rate"
            )
        return answer

    return network
