"""The training loop: one process, CPU or GPU, resumable at any batch."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from squeezesam.data.sampling import ClickSamples
from squeezesam.network.model import SqueezeSam
from squeezesam.prompts import encode_prompts
from squeezesam.spec import MASK_THRESHOLD
from squeezesam.training.checkpoint import Checkpoint
from squeezesam.training.clicks import append_click, error_click, opening_prompts
from squeezesam.training.config import TrainConfig
from squeezesam.training.losses import click_loss, mask_ious

Batch = tuple[Tensor, Tensor, Tensor]


class Trainer:
    """Trains one network; `run` may be called again on what an earlier call left behind.

    Args:
        model: the network, at its starting weights.
        data: parent of the training folders.
        config: recipe.
        folder: where checkpoint and log live.
    """

    def __init__(self, model: SqueezeSam, data: Path, config: TrainConfig, folder: Path) -> None:
        self.config, self.data, self.folder = config, data, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = AveragedModel(
            self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.checkpoint = Checkpoint(folder, self.model, self.averaged, self.optimizer)
        self.log = folder / "log.csv"

    def run(self) -> SqueezeSam:
        """Train to the end of the last stage, from the checkpoint if there is one.

        Returns:
            The averaged network.
        """
        done = self.checkpoint.load()
        if done == 0:
            self.log.write_text(
                "step,size,learning_rate,loss,iou_first,iou_last,seconds_per_step\n"
            )
        self.model.train()
        stage_start = 0
        for stage in self.config.stages:
            stage_end = stage_start + stage.steps
            if done < stage_end:
                self._set_size(stage.size)
                batches = self._batches(stage.size, stage.batch, done - stage_start, stage.steps)
                self._run_stage(batches, done, stage.size)
                done = stage_end
            stage_start = stage_end
        return cast(SqueezeSam, self.averaged.module)

    def _set_size(self, size: int) -> None:
        self.model.set_size(size)
        cast(SqueezeSam, self.averaged.module).set_size(size)

    def _batches(self, size: int, batch: int, skip: int, steps: int) -> Iterator[Batch]:
        samples = ClickSamples(self.data, size, self.config.seed + size, self.config.augment)
        return iter(
            DataLoader(
                samples,
                batch_size=batch,
                sampler=range(skip * batch, steps * batch),
                num_workers=self.config.workers,
                prefetch_factor=4 if self.config.workers else None,
            )
        )

    def _run_stage(self, batches: Iterator[Batch], step: int, size: int) -> None:
        totals, since, started = torch.zeros(3), 0, time.perf_counter()
        for batch in batches:
            totals += torch.tensor(self._train_on(batch, step))
            step, since = step + 1, since + 1
            last = step == self.config.steps
            if step % 50 == 0 or last:
                pace = (time.perf_counter() - started) / since
                loss, first, final = (totals / since).tolist()
                rate = self._rate(step)
                with self.log.open("a") as log:
                    log.write(
                        f"{step},{size},{rate:.2e},{loss:.4f},{first:.4f},{final:.4f},{pace:.3f}\n"
                    )
                left = (self.config.steps - step) * pace / 60
                print(
                    f"step {step}/{self.config.steps} at {size} px: loss {loss:.3f}, "
                    f"IoU {first:.3f} -> {final:.3f}, {pace:.2f} s/step, {left:.0f} min left",
                    flush=True,
                )
                totals, since, started = torch.zeros(3), 0, time.perf_counter()
            if step % self.config.checkpoint_every == 0 or last:
                self.checkpoint.save(step)

    def _rate(self, step: int) -> float:
        warm = min((step + 1) / self.config.warmup, 1.0)
        progress = step / self.config.steps
        return self.config.learning_rate * warm * (0.505 + 0.495 * math.cos(math.pi * progress))

    def _train_on(self, batch: Batch, step: int) -> tuple[float, float, float]:
        """All rounds of one batch: mean loss, IoU of the first and of the last answer."""
        # Everything random about a step hangs on its number, so a resumed run repeats it.
        generator = torch.Generator(self.device).manual_seed(self.config.seed * 1_000_003 + step)
        image, target, is_whole = (part.to(self.device) for part in batch)
        image = image.contiguous(memory_format=torch.channels_last)
        inside = target > 0.5
        rounds = 1 + int(
            torch.multinomial(
                torch.tensor(self.config.rounds, device=self.device), 1, generator=generator
            )
        )
        coords, labels = opening_prompts(inside, self.config.prompts, generator)
        previous: Tensor | None = None
        losses, ious = [], []
        for turn in range(rounds):
            if previous is not None:
                click = error_click(inside, previous > MASK_THRESHOLD, generator)
                coords, labels = append_click(coords, labels, click)
            maps, tokens = encode_prompts(coords, labels, previous, image.shape[-1])
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate(step)
            with torch.autocast(self.device.type, torch.bfloat16):
                logits, iou = self.model(image, maps, tokens)
            logits, iou = logits.float(), iou.float()
            loss = click_loss(logits, iou, target, is_whole)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
            self.optimizer.step()
            self.averaged.update_parameters(self.model)
            previous = logits[:, :1].detach()
            losses.append(loss.item())
            if turn in (0, rounds - 1):
                ious.append(mask_ious(previous, inside).mean().item())
        return sum(losses) / rounds, ious[0], ious[-1]
