"""Training state on disk: safetensors, whole or not at all.

A checkpoint is a folder `checkpoint-STEP` of five files (weights, averaged weights, three moments
of the optimizer), none larger than the network, so that even narrow channels can carry them one by
one. It appears under its name only when complete, and the one before is removed only afterwards.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from squeezesam import strict_json
from squeezesam.data.records import Dataset, Skipped
from squeezesam.errors import ConfigError, WeightsError
from squeezesam.files import clear_leftovers, whole_directory, whole_file
from squeezesam.networks.weights import read_tensors, write_tensors
from squeezesam.strict_json import JsonError
from squeezesam.terminal import printable
from squeezesam.training.optimizer import HybridOptimizer


class SkippedPhotos:
    """Lines `name<TAB>reason` in skipped.tsv, or skipped-RANK.tsv for further processes.

    Args:
        folder: folder of the run.
        rank: rank of this process.
    """

    def __init__(self, folder: Path, rank: int) -> None:
        self.path = folder / ("skipped.tsv" if rank == 0 else f"skipped-{rank}.tsv")
        self.reasons: dict[str, str] = {}

    def __len__(self) -> int:
        """Photos left out so far."""
        return len(self.reasons)

    def start(self, datasets: Sequence[Dataset]) -> None:
        """Take over what an earlier run listed and what the readers left out on opening."""
        if self.path.is_file():
            lines = self.path.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
            self.reasons.update(dict(line.split("\t", 1) for line in lines))
        for dataset in datasets:
            self.add(
                Skipped(f"{dataset.name}/{each.name}", each.reason) for each in dataset.skipped
            )

    def add(self, photos: Iterable[Skipped]) -> None:
        """List photos; the file is written when a new one is among them."""
        new = {printable(each.name): printable(" ".join(each.reason.split())) for each in photos}
        if new.keys() - self.reasons.keys():
            self.reasons.update(new)
            lines = [f"{name}\t{reason}" for name, reason in sorted(self.reasons.items())]
            with whole_file(self.path) as partial:
                partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


PREFIX = "checkpoint-"
DIGITS = 8
MOST_UPDATES = 2**24
"""The optimizers count them in float32."""


class Checkpoint:
    """Model, averaged model and the optimizer's moments of one run, under `folder`.

    Args:
        folder: folder of the run.
        model: the network that is trained.
        averaged: the network that is kept.
        optimizer: its state is restored into this one.
        recipe: what a resumed run must have in common with the earlier run, by name.
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
                write_tensors(copies, partial / f"{part}.safetensors", metadata)
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
                part: read_tensors(newest / f"{part}.safetensors")
                for part in ("model", "averaged", *HybridOptimizer.MOMENTS)
            }
        except WeightsError as error:
            raise WeightsError(
                f"{newest} is damaged ({error}); delete it to start afresh"
            ) from error
        # Everything is looked at before anything is changed.
        state = self._checked_state(newest, parts["model"][1])
        wanted = {
            "model": dict(self.model.state_dict()),
            "averaged": dict(self.averaged.state_dict()),
            **self.optimizer.forms(),
        }
        for part, tensors in wanted.items():
            if forms(parts[part][0]) != forms(tensors):
                raise WeightsError(
                    f"{newest} is not a checkpoint of this network: its {part} has other tensors; "
                    "delete it to start afresh"
                )
        self.model.load_state_dict(parts["model"][0])
        self.averaged.load_state_dict(parts["averaged"][0])
        moments = {moment: parts[moment][0] for moment in HybridOptimizer.MOMENTS}
        self.optimizer.restore(moments, state.updates)
        return state.step

    def _checked_state(self, newest: Path, metadata: Mapping[str, str]) -> "State":
        """What a checkpoint says of its run.

        Raises:
            ConfigError: it was made with another recipe.
            WeightsError: it is damaged.
        """
        try:
            content = {name: strict_json.parse(text) for name, text in metadata.items()}
            state = strict_json.decode(State, content, "its metadata")
        except JsonError as error:
            raise WeightsError(
                f"{newest} is not a checkpoint of this network ({error}); delete it to start afresh"
            ) from error
        if newest.name != f"{PREFIX}{state.step:0{DIGITS}d}":
            raise WeightsError(
                f"{newest} says that it is of step {state.step}; delete it to start afresh"
            )
        for name, value in self.recipe.items():
            if state.recipe.get(name) != value:
                raise ConfigError(
                    f"{newest} was made with {name} {state.recipe.get(name)}, not {value}; "
                    "give the same options again, or another --out"
                )
        return state

    def _saved(self) -> list[Path]:
        return sorted(self.folder.glob(PREFIX + "[0-9]" * DIGITS))


@dataclass(frozen=True)
class State:
    """What a checkpoint says of its run.

    Attributes:
        step: batches done.
        updates: number of updates of the weights so far.
        recipe: the recipe, as `Checkpoint` takes it.
    """

    step: int
    updates: int
    recipe: dict[str, str]

    def __post_init__(self) -> None:
        if not 0 <= self.step < 10**DIGITS or not 0 <= self.updates < MOST_UPDATES:
            raise ValueError(f"{self.step} steps and {self.updates} updates are out of range")


def forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Any, ...]]:
    """Element type and shape of each tensor."""
    return {name: (value.dtype, value.shape) for name, value in tensors.items()}
