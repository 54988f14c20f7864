"""Training state on disk: safetensors, written whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from squeezesam.errors import WeightsError

FILE_NAME = "checkpoint.safetensors"


class Checkpoint:
    """Model, averaged model and AdamW moments of one run, in `folder`/checkpoint.safetensors."""

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        averaged: AveragedModel,
        optimizer: torch.optim.AdamW,
    ) -> None:
        self.path = folder / FILE_NAME
        self.model, self.averaged, self.optimizer = model, averaged, optimizer
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, step: int) -> None:
        """Write the state after `step` batches."""
        tensors: dict[str, Tensor] = {}
        for prefix, module in (("model.", self.model), ("averaged.", self.averaged)):
            tensors.update({prefix + name: value for name, value in module.state_dict().items()})
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"optimizer.{key}.{name}"] = value
        # Averaged and live tensors of a fresh model may share storage, which safetensors refuses.
        tensors = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
        partial = self.path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"step": json.dumps(step)})
        partial.replace(self.path)

    def load(self) -> int:
        """Restore the state; 0 when there is none yet, else the batches already done.

        Raises:
            WeightsError: the checkpoint is damaged or belongs to another network.
        """
        if not self.path.exists():
            return 0
        try:
            with safe_open(self.path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                step = int(json.loads(file.metadata()["step"]))
            self.model.load_state_dict(with_prefix(tensors, "model."))
            self.averaged.load_state_dict(with_prefix(tensors, "averaged."))
        except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
            raise WeightsError(
                f"{self.path} is not a checkpoint of this network; delete it to start afresh"
            ) from error
        for name, parameter in self.model.named_parameters():
            self.optimizer.state[parameter] = {
                key: tensors[f"optimizer.{key}.{name}"].to(
                    parameter.device if key != "step" else "cpu"
                )
                for key in ("step", "exp_avg", "exp_avg_sq")
            }
        return step


def with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose name starts with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
