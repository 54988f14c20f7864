"""Training state on disk: safetensors, whole or not at all.

A checkpoint is a folder `checkpoint-STEP` of five files (weights, averaged weights, three moments
of the optimizer), none larger than the network, so that even narrow channels can carry them one by
one. It appears under its name only when complete, and the one before is removed only afterwards.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from squeezesam.errors import ConfigError, WeightsError
from squeezesam.files import clear_leftovers, whole_directory
from squeezesam.training.optimizer import HybridOptimizer

PREFIX = "checkpoint-"
DIGITS = 8


class Checkpoint:
    """Model, averaged model and the optimizer's moments of one run, under `folder`.

    Args:
        folder: of the run.
        model: the network that is trained.
        averaged: the network that is kept.
        optimizer: its state is restored into this one.
        recipe: what a resumed run must share with the one that it goes on with, by name.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        averaged: AveragedModel,
        optimizer: HybridOptimizer,
        recipe: Mapping[str, str],
    ) -> None:
        self.folder, self.recipe = folder, recipe
        self.model, self.averaged, self.optimizer = model, averaged, optimizer

    def save(self, step: int) -> None:
        """Write the state after `step` batches.

        Raises:
            OutputError: the folder cannot be written to.
        """
        parts = {
            "model": dict(self.model.state_dict()),
            "averaged": dict(self.averaged.state_dict()),
            **self.optimizer.moments(),
        }
        metadata = {"step": json.dumps(step), "updates": json.dumps(self.optimizer.updates)}
        metadata["recipe"] = json.dumps(dict(self.recipe))
        stale = self._saved()
        with whole_directory(self.folder / f"{PREFIX}{step:0{DIGITS}d}") as partial:
            for part, tensors in parts.items():
                # Tensors of a fresh model may share storage, which safetensors refuses.
                copies = {name: value.clone().contiguous() for name, value in tensors.items()}
                save_file(copies, partial / f"{part}.safetensors", metadata=metadata)
        for old in stale:
            if old.name != f"{PREFIX}{step:0{DIGITS}d}":
                shutil.rmtree(old)

    def load(self) -> int:
        """Restore the newest state; 0 when there is none yet, else the batches already done.

        Raises:
            ConfigError: it was made with another recipe.
            WeightsError: the checkpoint is damaged or belongs to another network.
        """
        clear_leftovers(self.folder)
        saved = self._saved()
        if not saved:
            return 0
        newest = saved[-1]
        try:
            parts = {
                part: load_part(newest / f"{part}.safetensors")
                for part in ("model", "averaged", *HybridOptimizer.MOMENTS)
            }
            self.model.load_state_dict(parts["model"][0])
            self.averaged.load_state_dict(parts["averaged"][0])
            metadata = parts["model"][1]
            earlier = json.loads(metadata["recipe"])
            moments = {moment: parts[moment][0] for moment in HybridOptimizer.MOMENTS}
            self.optimizer.restore(moments, int(json.loads(metadata["updates"])))
            step = int(json.loads(metadata["step"]))
        except (SafetensorError, OSError, KeyError, TypeError, RuntimeError) as error:
            raise WeightsError(
                f"{newest} is not a checkpoint of this network; delete it to start afresh"
            ) from error
        for name, value in self.recipe.items():
            if earlier.get(name) != value:
                raise ConfigError(
                    f"{newest} was made with {name} {earlier.get(name)}, not {value}; "
                    "give the same options again, or another --out"
                )
        return step

    def _saved(self) -> list[Path]:
        return sorted(self.folder.glob(PREFIX + "[0-9]" * DIGITS))


def load_part(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of one file of a checkpoint."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
