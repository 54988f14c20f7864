"""Muon for the hidden convolutions, AdamW for everything else.

Muon replaces the momentum of a weight matrix by the nearest orthogonal matrix, so that a step moves
all directions of the matrix alike (Jordan et al., 2024). A convolution's weight is flattened to
[out, kernel * kernel * in]. Its steps are scaled to the size of AdamW's, so that one learning rate
serves both. What it gained here at an equal budget is in docs/log.md. A network that has no blocks
of ours, such as the traced one of quantization-aware training, is updated by AdamW alone.
"""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from squeezesam.errors import MissingDependencyError
from squeezesam.networks.layers import ConvBn

Moments = dict[str, dict[str, Tensor]]
"""The state of an optimizer: by moment, then by parameter."""


class HybridOptimizer:
    """Updates the parameters of one network.

    Args:
        model: the network, already on its device and in its memory format. Parameters that require
            no gradient stay as they are.
        learning_rate: learning rate of both optimizers.
        weight_decay: weight decay of both optimizers.
        betas: how slowly AdamW forgets the gradients and their squares.

    Raises:
        MissingDependencyError: this version of torch has no Muon.
    """

    MOMENTS = ("momentum_buffer", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        model: nn.Module,
        learning_rate: float,
        weight_decay: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        hidden = [
            f"{name}.conv.weight"
            for name, module in model.named_modules()
            if isinstance(module, ConvBn) and name != "stem" and module.conv.groups == 1
        ]
        parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.convolutions = {name: parameters.pop(name) for name in hidden}
        self.others = parameters
        # These share memory with the convolutions: what moves them moves the network.
        self.matrices = {
            name: nn.Parameter(as_matrix(weight.detach()))
            for name, weight in self.convolutions.items()
        }
        self.adamw = torch.optim.AdamW(
            self.others.values(),
            lr=learning_rate,
            betas=betas,
            weight_decay=weight_decay,
            fused=True,
        )
        self.optimizers: list[torch.optim.Optimizer] = [self.adamw]
        if self.matrices:
            if not hasattr(torch.optim, "Muon"):
                raise MissingDependencyError(
                    f"training needs torch 2.9 or later, which has the optimizer Muon, found "
                    f"{torch.__version__}; pip install 'torch>=2.9'"
                )
            muon = torch.optim.Muon(
                self.matrices.values(),
                lr=learning_rate,
                weight_decay=weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
            self.optimizers.insert(0, muon)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in (*self.convolutions.values(), *self.others.values()):
            parameter.grad = None

    def step(self) -> None:
        """Take one step along the gradients of the network."""
        for name, weight in self.convolutions.items():
            gradient = weight.grad
            self.matrices[name].grad = None if gradient is None else as_matrix(gradient)
        for optimizer in self.optimizers:
            optimizer.step()

    @property
    def updates(self) -> int:
        """Steps taken so far."""
        return max((int(entry["step"]) for entry in self.adamw.state.values()), default=0)

    def moments(self) -> Moments:
        """Everything that a resumed run needs beside the number of steps."""
        return {
            moment: {
                name: optimizer.state[parameter][moment]
                for name, parameter in parameters.items()
                if moment in optimizer.state[parameter]
            }
            for optimizer, parameters, moment in self._parts()
        }

    def forms(self) -> dict[str, dict[str, nn.Parameter]]:
        """For each moment of each parameter a tensor of its shape and element type."""
        return {moment: parameters for _, parameters, moment in self._parts()}

    def restore(self, moments: Mapping[str, Mapping[str, Tensor]], updates: int) -> None:
        """Go on from an earlier state.

        Args:
            moments: the moments that `moments` gave.
            updates: steps taken by then.

        Raises:
            KeyError: a moment of a parameter is missing.
            RuntimeError: a moment has another shape than its parameter.
        """
        for optimizer, parameters, moment in self._parts():
            for name, parameter in parameters.items():
                # In the parameter's own memory layout: the fused AdamW runs over raw memory.
                own = torch.empty_like(parameter).copy_(moments[moment][name])
                optimizer.state[parameter][moment] = own
        for parameter in self.others.values():
            step = torch.tensor(float(updates), device=parameter.device)
            self.adamw.state[parameter]["step"] = step

    def _parts(self) -> list[tuple[torch.optim.Optimizer, dict[str, nn.Parameter], str]]:
        matrices: dict[str, nn.Parameter] = dict(self.matrices)
        others: dict[str, nn.Parameter] = dict(self.others)
        return [
            (self.optimizers[0], matrices, "momentum_buffer"),
            (self.adamw, others, "exp_avg"),
            (self.adamw, others, "exp_avg_sq"),
        ]


def as_matrix(weight: Tensor) -> Tensor:
    """[out, in, k, k] -> [out, k * k * in]; a view where the weight lies channels-last."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


FLOOR = 0.01
"""Share of the peak at which the decay ends."""

Decay = Literal["cosine", "linear"]


def learning_rate(
    step: int, *, peak: float, warmup: int, steps: int, decay: Decay = "cosine"
) -> float:
    """Linear warm-up times a decay over all steps."""
    warm = min((step + 1) / max(warmup, 1), 1.0)
    done = step / steps
    left = (1 + math.cos(math.pi * done)) / 2 if decay == "cosine" else 1 - done
    return peak * warm * (FLOOR + (1 - FLOOR) * left)
