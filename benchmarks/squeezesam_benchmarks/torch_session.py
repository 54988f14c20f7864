"""PyTorch in eager mode with a given number of threads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam.runtimes import load_network
from squeezesam.spec import input_specs
from squeezesam_benchmarks.sessions import FloatArray, Input


class TorchSession:
    """Implements `sessions.Session`."""

    runtime = "torch"
    backend = "eager"
    version = str(torch.__version__)

    def load(self, path: Path) -> None:
        """Make the network ready to run."""
        self.network = load_network(path)

    def inputs(self) -> list[Input]:
        """What it takes; weights do not fix a size, so it is the default one."""
        return [Input(spec.shape, np.dtype(spec.dtype)) for spec in input_specs()]

    def prepare(self, inputs: Sequence[NDArray[Any]]) -> list[torch.Tensor]:
        """As tensors."""
        return [torch.from_numpy(array) for array in inputs]

    def infer(self, prepared: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Run once."""
        image, prompt_maps, prompt_tokens = prepared
        with torch.inference_mode():
            return self.network(image, prompt_maps, prompt_tokens)

    def outputs(self, given: tuple[torch.Tensor, torch.Tensor]) -> list[FloatArray]:
        """As arrays."""
        return [tensor.numpy() for tensor in given]


def open_session(threads: int) -> TorchSession:
    """A session that is not loaded yet."""
    torch.set_num_threads(threads)
    return TorchSession()
