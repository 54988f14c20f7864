"""Training in one process, and in two that torchrun starts."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from squeezesam.training.processes import Processes

ALONE = Processes(0, 1, torch.device("cpu"))


def run_in_two(script: Path, *words: object) -> None:
    """Run a script in two processes that find each other, and the modules of the tests."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*launcher, "--nproc-per-node", "2", script, *map(str, words)],
        check=True,
        env=os.environ | environment,
    )


def assert_two_give_the_gradients_of_one(source: str, folder: Path) -> None:
    """Two processes that share a batch learn from it what one process learns.

    Args:
        source: a script that writes gradients as safetensors to the path that it is given.
        folder: for the script and what it writes.
    """
    script = folder / "step.py"
    script.write_text(source)
    one, two = folder / "one.safetensors", folder / "two.safetensors"
    subprocess.run([sys.executable, script, one], check=True)
    run_in_two(script, two)
    alone, together = load_file(one), load_file(two)
    assert alone.keys() == together.keys()
    for name, value in alone.items():
        torch.testing.assert_close(value, together[name], atol=1e-10, rtol=1e-6, msg=name)
