"""One process or several (torchrun): who am I, and how do gradients and statistics meet.

`torchrun --nproc-per-node 8 -m squeezesam train ...` sets the environment read here; without it
there is one process and nothing below communicates. `distill` and `eval` share their work in the
same way (`squeezesam/data/parts.py`).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from squeezesam.errors import ConfigError, ProcessError, WeightsError

T = TypeVar("T")

PATIENCE = timedelta(days=2)
"""How long processes wait for one another; the first may label all photos with a teacher."""


@dataclass(frozen=True)
class Processes:
    """One process among all that work together.

    Attributes:
        rank: number of this one.
        count: how many there are.
        device: where this one computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this one writes logs and checkpoints."""
        return self.rank == 0

    def own(self, parts: Sequence[T]) -> Sequence[T]:
        """What this process does of work that is cut into parts."""
        return parts[self.rank :: self.count]

    def meet(self) -> None:
        """Wait until every process is here.

        Raises:
            ProcessError: one of them has ended.
        """
        if self.count == 1:
            return
        try:
            dist.barrier()
        except RuntimeError as error:
            raise ProcessError(
                f"process {self.rank} of {self.count} has lost another one, which ended early"
            ) from error

    def share_of(self, batch: int) -> int:
        """Samples of a batch that fall to each process.

        Raises:
            ConfigError: they cannot be shared evenly.
        """
        if batch % self.count:
            raise ConfigError(
                f"a batch of {batch} does not divide among {self.count} processes; "
                "choose a multiple"
            )
        return batch // self.count

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """Run the block in the first process, then in the others, which find what it left.

        Raises:
            ProcessError: one of them has ended.
        """
        if not self.is_first:
            self.meet()
        yield
        if self.is_first:
            self.meet()

    def agree(self, decision: bool) -> bool:
        """The first process's decision, known to all."""
        if self.count == 1:
            return decision
        told = torch.tensor(float(decision), device=self.device)
        dist.broadcast(told, src=0)
        return bool(told)

    def check_same(self, steps: int) -> None:
        """See that every process resumes from the same step.

        Raises:
            WeightsError: this one does not; the folder of the run is not shared.
        """
        if self.count == 1:
            return
        told = torch.tensor(steps, device=self.device)
        dist.broadcast(told, src=0)
        if int(told) != steps:
            raise WeightsError(
                f"process {self.rank} would resume after {steps} steps, the first after "
                f"{int(told)}; put --out where all processes see it"
            )

    def distributed(self, model: nn.Module) -> nn.Module:
        """The network as every process steps it: itself when alone, else averaging gradients."""
        if self.count == 1:
            return model
        share_statistics(model)
        # Running statistics come out alike everywhere, so nothing needs to be broadcast.
        return DistributedDataParallel(model, broadcast_buffers=False)


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """Join the group that torchrun describes, and leave it at the end.

    Raises:
        ConfigError: what describes the group is no number.
        ProcessError: the group cannot be joined.
    """
    count, rank, local = (
        _number(name, usual) for name, usual in (("WORLD_SIZE", 1), ("RANK", 0), ("LOCAL_RANK", 0))
    )
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if count == 1:
        yield Processes(rank, count, device)
        return
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    except (ValueError, RuntimeError) as error:
        raise ProcessError(
            f"process {rank} cannot join the {count} of WORLD_SIZE ({error}); start them with "
            "torchrun, or unset RANK and WORLD_SIZE"
        ) from error
    try:
        yield Processes(rank, count, device)
    finally:
        dist.destroy_process_group()


def _number(name: str, usual: int) -> int:
    """Number that a variable of the environment holds."""
    text = os.environ.get(name, str(usual))
    if not text.isdecimal():
        raise ConfigError(f"the environment has {name}={text!r}, which is no number; unset it")
    return int(text)


def share_statistics(model: nn.Module) -> None:
    """Make every BatchNorm normalise over the samples of all processes, in place.

    A batch spread over processes then gives the gradient that it gives in one. Torch's own
    SyncBatchNorm does this on GPUs only.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.forward = partial(shared_norm, module)  # type: ignore[method-assign]


class SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over all processes, as a function that can be differentiated."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:  # noqa: D102
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:  # noqa: D102
        # Every process's output depends on every process's input.
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def shared_norm(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Normalise [B, C] or [B, C, H, W], whose batch is spread over processes in equal shares."""
    if not norm.training:
        return type(norm).forward(norm, x)
    axes = [0, *range(2, x.dim())]
    shape = [1, -1, *[1] * (x.dim() - 2)]
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    moments = torch.stack([wide.mean(axes), (wide**2).mean(axes)])
    total = cast(Tensor, SumOverProcesses.apply(moments))  # type: ignore[no-untyped-call]
    mean, square = total / dist.get_world_size()
    variance = (square - mean**2).clamp(min=0)
    with torch.no_grad():
        values = x.numel() // x.shape[1] * dist.get_world_size()
        momentum = cast(float, norm.momentum)
        cast(Tensor, norm.running_mean).lerp_(mean, momentum)
        cast(Tensor, norm.running_var).lerp_(variance * values / (values - 1), momentum)
        cast(Tensor, norm.num_batches_tracked).add_(1)
    scale = norm.weight * (variance + norm.eps).rsqrt()
    return ((wide - mean.view(shape)) * scale.view(shape) + norm.bias.view(shape)).to(x.dtype)
