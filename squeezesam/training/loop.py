"""The training loop: CPU or GPU, one process or many, resumable at any batch."""

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from squeezesam.data.records import Dataset
from squeezesam.errors import ConfigError, DataError
from squeezesam.files import PathLike, only_one, writing
from squeezesam.networks.unet import SizedNetwork
from squeezesam.training.augmentation import Batch, augment
from squeezesam.training.checkpoint import Checkpoint, SkippedPhotos
from squeezesam.training.config import Stage, TrainConfig, fingerprint
from squeezesam.training.optimizer import HybridOptimizer, learning_rate
from squeezesam.training.processes import Processes
from squeezesam.training.samples import RawSample, Samples, collate, mixture
from squeezesam.training.telemetry import IOUS, Measures, Telemetry

Network = TypeVar("Network", bound=SizedNetwork)


class Trainer(Generic[Network]):
    """Trains one network; `run` may be called again on what an earlier call left behind.

    What is learned is up to `samples` and `train_on`.

    Args:
        model: the network, at its starting weights.
        datasets: where photos come from.
        config: recipe.
        folder: where checkpoint, log and the list of skipped photos live.
        processes: this process among those that train together.

    Attributes:
        measures: what `train_on` gives beside the loss.
    """

    measures: ClassVar[Measures] = IOUS

    def __init__(
        self,
        model: Network,
        datasets: Sequence[Dataset],
        config: TrainConfig,
        folder: PathLike,
        processes: Processes,
    ) -> None:
        self.config, self.datasets, self.folder = config, datasets, Path(folder)
        self.shares = mixture(datasets, config.shares)
        self.processes, self.device = processes, processes.device
        self.model = model.to(self.device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = AveragedModel(
            self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True
        )
        self.optimizer = HybridOptimizer(
            self.model, config.learning_rate, config.weight_decay, config.betas
        )
        self.network = processes.distributed(self.called())
        if config.compile:
            self.network = cast(nn.Module, torch.compile(self.network))
        self.checkpoint = Checkpoint(
            self.folder,
            self.model,
            self.averaged,
            self.optimizer,
            fingerprint(config, datasets, model),
        )
        for stage in config.stages:
            processes.share_of(stage.batch)
        self.skipped = SkippedPhotos(self.folder, processes.rank)

    def run(self, minutes: float | None = None) -> tuple[Network, int]:
        """Train to the end of the last stage, from the checkpoint if there is one.

        Args:
            minutes: stop with a checkpoint after this time, to be resumed later.

        Returns:
            The averaged network and the batches done.

        Raises:
            ConfigError: the checkpoint is of another recipe, or training has diverged.
            DataError: no usable photo.
            OutputError: the folder cannot be written to, or another process trains in it.
            WeightsError: the checkpoint is damaged, of another network, or not the same everywhere.
        """
        deadline = None if minutes is None else time.monotonic() + 60 * minutes
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with only_one(self.folder, "training") if self.processes.is_first else nullcontext():
            return self._run(deadline)

    def _run(self, deadline: float | None) -> tuple[Network, int]:
        self.skipped.start(self.datasets)
        self.model.train()
        done = self.checkpoint.load()
        self.processes.check_same(done)
        if done and self.processes.is_first:
            print(f"resuming after {done} of {self.config.steps} steps", flush=True)
        log = self.folder / "log.csv"
        telemetry = Telemetry(log, self.config.steps, done, measures=self.measures)
        if self.processes.is_first:
            telemetry.start()
        ends = accumulate(stage.steps for stage in self.config.stages)
        for number, (stage, end) in enumerate(zip(self.config.stages, ends, strict=True)):
            if done < end:
                self.model.set_size(stage.size)
                cast(SizedNetwork, self.averaged.module).set_size(stage.size)
                batches = self._batches(number, stage.steps - (end - done))
                done = self._run_stage(stage, batches, done, end, telemetry, deadline)
            if done < end:
                break
        return cast(Network, self.averaged.module), done

    def _batches(self, number: int, first: int) -> Iterator[RawSample]:
        """The share of this process in each batch of stage `number`, from batch `first` on.

        Raises:
            DataError: no usable photo.
        """
        stage = self.config.stages[number]
        share, count = self.processes.share_of(stage.batch), self.processes.count
        batches = range(first, stage.steps)
        starts = ((batch * count + self.processes.rank) * share for batch in batches)
        loader: DataLoader[RawSample] = DataLoader(
            self.samples(number),
            batch_sampler=[list(range(start, start + share)) for start in starts],
            num_workers=self.config.workers,
            prefetch_factor=4 if self.config.workers else None,
            pin_memory=self.device.type == "cuda",
            collate_fn=collate,
        )
        try:
            yield from loader
        except DataError as error:
            # A worker's error arrives with its traceback as text; the message is the last line.
            message = str(error).splitlines()[-1]
            raise DataError(message.rpartition("squeezesam.errors.DataError: ")[2]) from error

    def _run_stage(
        self,
        stage: Stage,
        batches: Iterator[RawSample],
        step: int,
        end: int,
        telemetry: Telemetry,
        deadline: float | None,
    ) -> int:
        """Train to step `end` of the whole run, or to the deadline; the batches then done."""
        totals, seen = torch.zeros(3, device=self.device), 0
        asked = time.perf_counter()
        telemetry.restart()
        for raw in batches:
            telemetry.waited(time.perf_counter() - asked)
            self.skipped.add(raw.skipped)
            self.optimizer.set_rate(self._rate(step))
            totals += self.train_on(raw, step)
            step, seen = step + 1, seen + 1
            telemetry.count(stage.batch)
            late = deadline is not None and self.processes.agree(time.monotonic() >= deadline)
            if self.processes.is_first and (telemetry.is_due(step) or late):
                loss, first, last = (totals / seen).tolist()
                rate = self._rate(step)
                telemetry.report(step, stage.size, rate, (loss, first, last), len(self.skipped))
                totals.zero_()
                seen = 0
            stopping = step == end or late
            if stopping or step % self.config.checkpoint_every == 0:
                self._check_finite(step)
                if self.processes.is_first:
                    self.checkpoint.save(step)
            if stopping:
                break
            asked = time.perf_counter()
        return step

    def _check_finite(self, step: int) -> None:
        """See that the weights are worth keeping before the checkpoint before is given up.

        Raises:
            ConfigError: training has diverged.
        """
        if not all(parameter.isfinite().all() for parameter in self.model.parameters()):
            raise ConfigError(
                f"the weights are no longer finite after step {step}; start again in another "
                "--out with a lower --learning-rate"
            )

    def _rate(self, step: int) -> float:
        config = self.config
        return learning_rate(
            step,
            peak=config.learning_rate,
            warmup=config.warmup,
            steps=config.steps,
            decay=config.decay,
        )

    def called(self) -> nn.Module:
        """What `answer` calls: the network, or a module that shares its parameters."""
        return self.model

    def samples(self, number: int) -> Samples:
        """The samples of stage `number`, one for every index."""
        raise NotImplementedError

    def train_on(self, raw: RawSample, step: int) -> Tensor:
        """Learn from one batch: [3] mean loss, then the two measures."""
        raise NotImplementedError

    def augmented(self, raw: RawSample, generator: torch.Generator) -> Batch:
        """A raw batch on the training device, augmented."""
        photo, masks, whole = (part.to(self.device, non_blocking=True) for part in raw[:3])
        return augment(photo, masks, whole, self.config.augment, generator)

    def seeds(self, step: int) -> np.random.SeedSequence:
        """The random numbers of a step depend on its number alone; a resumed run repeats them."""
        return np.random.SeedSequence([self.config.seed, step])

    def own_generator(self, seeds: np.random.SeedSequence) -> torch.Generator:
        """Randomness of this process alone."""
        own_seed = seeds.spawn(self.processes.count)[self.processes.rank].generate_state(1)[0]
        return torch.Generator(self.device).manual_seed(int(own_seed))

    def answer(self, image: Tensor, *prompts: Tensor) -> Any:
        """Call the network in the precision of the recipe."""
        half = self.config.precision == "bf16"
        # Autocast would raise what is concatenated to the type of the widest part, and from there
        # on the largest feature maps of the network.
        inputs = [
            x.to(torch.bfloat16) if half and x.is_floating_point() else x for x in (image, *prompts)
        ]
        inputs = [
            x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in inputs
        ]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            return self.network(*inputs)

    def update(self, loss: Tensor) -> None:
        """Take one optimizer step, and average the weights."""
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.averaged.update_parameters(self.model)
