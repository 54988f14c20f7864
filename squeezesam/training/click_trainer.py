"""Teaches a network to answer clicks and boxes, each answer correcting the last."""

import numpy as np
import torch
from torch import Tensor

from squeezesam.prompts import encode_prompts
from squeezesam.spec import MASK_THRESHOLD
from squeezesam.training.batch import Batch
from squeezesam.training.chance import happens, per_sample
from squeezesam.training.clicks import error_click
from squeezesam.training.closer import closer_look
from squeezesam.training.loop import Network, Trainer
from squeezesam.training.losses import click_loss, mask_ious
from squeezesam.training.prompts import Slots, opening_prompts
from squeezesam.training.samples import ClickSamples, RawSample, Samples


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
