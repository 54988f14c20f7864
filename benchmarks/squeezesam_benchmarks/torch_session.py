"""PyTorch in eager mode with a given number of threads."""

from collections.abc import Sequence
from pathlib import Path

import torch

from squeezesam.runtimes import load_network
from squeezesam.spec import input_specs
from squeezesam_benchmarks.sessions import FloatArray


class TorchSession:
    """Implements `sessions.Session`."""

    runtime = "torch"
    backend = "eager"
    version = str(torch.__version__)

    def load(self, path: Path) -> None:
        """Make the network ready to run."""
        self.network = load_network(path)

    def input_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the inputs; weights do not fix a size, so it is the default one."""
        return [spec.shape for spec in input_specs()]

    def infer(self, inputs: Sequence[FloatArray]) -> None:
        """Run once."""
        image, prompt_maps, prompt_tokens = map(torch.from_numpy, inputs)
        with torch.inference_mode():
            self.network(image, prompt_maps, prompt_tokens)


def open_session(threads: int) -> TorchSession:
    """A session that is not loaded yet."""
    torch.set_num_threads(threads)
    return TorchSession()
