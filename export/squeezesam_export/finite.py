"""Weights that have diverged show before anything is made of them."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from squeezesam.errors import WeightsError


def finite_only(model: Callable[..., Any]) -> Callable[..., Any]:
    """The network, whose every answer is looked at.

    Raises:
        WeightsError: when called, where it answers NaN or infinity.
    """

    def network(*inputs: Tensor) -> Any:
        answer = model(*inputs)
        outputs = [answer] if isinstance(answer, Tensor) else answer
        if not all(output.isfinite().all() for output in outputs):
            raise WeightsError(
                "with these weights the network answers NaN or infinity in float32; "
                "give others, or train again with a lower learning rate"
            )
        return answer

    return network
