"""Teaches the segmenter to answer clicks and boxes, and the saliency detector its heat map."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.data.records import Dataset
from squeezesam.inference.prompts import encode_prompts
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.spec import MAP_STRIDE, MASK_THRESHOLD, SALIENCY_STRIDE
from squeezesam.training.augmentation import Batch, happens, per_sample
from squeezesam.training.closer import closer_look
from squeezesam.training.config import TrainConfig
from squeezesam.training.loop import Network, Trainer
from squeezesam.training.losses import click_loss, mask_ious, mask_losses
from squeezesam.training.processes import Processes
from squeezesam.training.salient_samples import SalientSamples
from squeezesam.training.samples import ClickSamples, RawSample, Samples
from squeezesam.training.simulated_user import Slots, error_click, opening_prompts


class ClickTrainer(Trainer[Network]):
    """Trains a network with the inputs and outputs of `squeezesam.spec`; see `Trainer`."""

    def samples(self, number: int) -> Samples:
        """Photos with an object to ask for."""
        config = self.config
        size, seed = config.stages[number].size, (config.seed, number)
        return ClickSamples(self.datasets, self.shares, size, seed, config.samples)

    def train_on(self, raw: RawSample, step: int) -> Tensor:
        """All rounds of one batch."""
        # The number of answers is the same for all processes, since they must meet in every one.
        seeds = self.seeds(step)
        drawn = np.random.default_rng(seeds)
        rounds = 1 + int(drawn.choice(len(self.config.rounds), p=self.config.rounds))
        twice = drawn.random() < self.config.closer.chance
        generator = self.own_generator(seeds)
        batch = self.augmented(raw, generator)
        inside = batch.target > 0.5
        slots = opening_prompts(
            inside, batch.asked > 0.5, batch.shown, self.config.prompts, generator
        )
        previous: Tensor | None = None
        losses, ious = [], []
        for turn in range(rounds + twice):
            given, right = previous, None
            if previous is not None and twice and turn == 1:
                closer = self.config.closer
                batch, slots, given = closer_look(batch, slots, previous, closer, generator)
                inside = batch.target > 0.5
            elif previous is not None:
                answer = (previous > MASK_THRESHOLD) & batch.shown  # nobody clicks on padding
                slots = slots.add(*error_click(inside, answer, generator))
                forgotten = happens(len(inside), self.config.prompts.forget_mask, generator)
                given = previous.masked_fill(per_sample(forgotten), 0)
                right = ((previous > MASK_THRESHOLD) == inside) & ~per_sample(forgotten)
            loss, logits = self._answer(batch, slots, given, right)
            self.update(loss)
            previous = logits[:, :1].detach()
            losses.append(loss.detach())
            ious.append(mask_ious(previous, inside).mean())
        return torch.stack([torch.stack(losses).mean(), ious[0], ious[-1]])

    def _answer(
        self, batch: Batch, slots: Slots, previous: Tensor | None, right: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Loss and mask logits of one answer."""
        maps, tokens = encode_prompts(*slots, previous, batch.image.shape[-1])
        logits, iou = self.answer(batch.image, maps, tokens)
        logits, iou = logits.float(), iou.float()
        told = (batch.target, batch.asked, batch.whole)
        return click_loss(logits, iou, *told, right, self.config.losses), logits


class SalientTrainer(Trainer[SaliencyDetector]):
    """Trains a detector; the two IoUs that it reports are one. See `Trainer`."""

    def __init__(
        self,
        model: SaliencyDetector,
        datasets: Sequence[Dataset],
        config: TrainConfig,
        folder: Path,
        processes: Processes,
    ) -> None:
        for stage in config.stages:
            stage.check_fits(model.bottom_stride)
        super().__init__(model, datasets, config, folder, processes)

    def samples(self, number: int) -> Samples:
        """Photos with their most prominent objects."""
        config = self.config
        size, seed = config.stages[number].size, (config.seed, number)
        return SalientSamples(
            self.datasets, self.shares, size, seed, config.samples, config.salient
        )

    def train_on(self, raw: RawSample, step: int) -> Tensor:
        """One batch: cross-entropy and Dice of the heat map."""
        batch = self.augmented(raw, self.own_generator(self.seeds(step)))
        target = F.avg_pool2d(batch.target, SALIENCY_STRIDE // MAP_STRIDE)
        logits = self.answer(batch.image).float()
        loss = mask_losses(logits, target).mean()
        self.update(loss)
        with torch.no_grad():
            inside = target > 0.5
            occupied = inside.flatten(1).any(dim=1)
            iou = mask_ious(logits, inside)[occupied].sum() / occupied.sum().clamp(min=1)
        return torch.stack([loss.detach(), iou, iou])
