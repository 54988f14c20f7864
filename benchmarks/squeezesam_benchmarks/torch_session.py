"""PyTorch in eager mode with a given number of threads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam.networks.building import folded
from squeezesam.networks.weights import load_weights
from squeezesam_benchmarks.sessions import FloatArray, Input


class TorchSession:
    """Implements `sessions.Session`."""

    runtime = "torch"
    backend = "eager"
    version = str(torch.__version__)

    def load(self, path: Path) -> None:
        """Make the network ready to run."""
        _, network = load_weights(path)
        self.network = folded(network)

    def inputs(self) -> list[Input]:
        """What it takes; weights do not fix a size, so it is the default one."""
        kind = self.network.kind
        return [Input(spec.shape, np.dtype(spec.dtype)) for spec in kind.inputs(kind.size)]

    def prepare(self, inputs: Sequence[NDArray[Any]]) -> list[torch.Tensor]:
        """As tensors."""
        return [torch.from_numpy(array) for array in inputs]

    def infer(self, prepared: list[torch.Tensor]) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Run once."""
        with torch.inference_mode():
            return self.network(*prepared)

    def outputs(self, given: torch.Tensor | tuple[torch.Tensor, ...]) -> list[FloatArray]:
        """As arrays."""
        answers = (given,) if isinstance(given, torch.Tensor) else given
        return [tensor.numpy() for tensor in answers]


def open_session(threads: int) -> TorchSession:
    """A session that is not loaded yet."""
    torch.set_num_threads(threads)
    return TorchSession()
