"""Teaches the segmenters to answer clicks and boxes, and the saliency detector its heat map."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.data.records import Dataset
from squeezesam.inference.letterbox import scaled
from squeezesam.inference.prompts import encode_prompts, point_slots
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.spec import (
    EFFICIENTSAM_MASK_STRIDE,
    MAP_STRIDE,
    MASK_THRESHOLD,
    SALIENCY_STRIDE,
    PointLabel,
)
from squeezesam.training.augmentation import Batch, happens, per_sample
from squeezesam.training.closer import closer_look
from squeezesam.training.config import TrainConfig
from squeezesam.training.loop import Network, Trainer
from squeezesam.training.losses import best_mask_loss, click_loss, mask_ious, mask_losses
from squeezesam.training.processes import Processes
from squeezesam.training.salient_samples import SalientSamples
from squeezesam.training.samples import ClickSamples, RawSample, Samples
from squeezesam.training.simulated_user import Slots, error_click, opening_prompts
from squeezesam.training.stretched_samples import StretchedSamples


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


class InParts(nn.Module):
    """EfficientSAM, called for one graph at a time: processes that train together meet in a call.

    Args:
        network: whose parameters it shares.
    """

    def __init__(self, network: EfficientSam) -> None:
        super().__init__()
        self.encoder, self.decoder = network.encoder, network.decoder

    def forward(self, photo: Tensor, *prompts: Tensor) -> Any:
        """The encoder's embeddings of an image, or the decoder's answer to prompts on them."""
        return self.decoder(photo, *prompts) if prompts else self.encoder(photo)


class EfficientSamTrainer(Trainer[EfficientSam]):
    """Trains an EfficientSAM with the prompts that it knows; see `Trainer`.

    The encoder runs once for each photo. All answers about the photo share its embeddings, and
    are one optimizer step together. Nothing is done to the photos but mirroring: the published
    training has no augmentation. The filters of the first mask, which is not given, stay as they
    are.
    """

    def __init__(
        self,
        model: EfficientSam,
        datasets: Sequence[Dataset],
        config: TrainConfig,
        folder: Path,
        processes: Processes,
    ) -> None:
        model.decoder.filters[0].requires_grad_(False)
        known = replace(
            config.prompts, negative=0.0, outliers=replace(config.prompts.outliers, chance=0.0)
        )
        super().__init__(model, datasets, replace(config, prompts=known), folder, processes)

    def called(self) -> nn.Module:
        """See `InParts`."""
        return InParts(self.model)

    def samples(self, number: int) -> Samples:
        """Photos with several objects to ask for."""
        config = self.config
        size, seed = config.stages[number].size, (config.seed, number)
        return StretchedSamples(
            self.datasets, self.shares, size, seed, config.samples, config.objects
        )

    def train_on(self, raw: RawSample, step: int) -> Tensor:
        """All answers to one batch; the IoUs are those of the masks that the network prefers."""
        seeds = self.seeds(step)
        drawn = np.random.default_rng(seeds)
        rounds = 1 + int(drawn.choice(len(self.config.rounds), p=self.config.rounds))
        generator = self.own_generator(seeds)
        photo, masks = (part.to(self.device, non_blocking=True) for part in raw[:2])
        coverage = masks.flatten(0, 1)[:, None].float() / 255  # [B * N, 1, S/2, S/2]
        inside = coverage > 0.5
        target = F.avg_pool2d(coverage, EFFICIENTSAM_MASK_STRIDE // MAP_STRIDE)
        embeddings: Tensor = self.answer(scaled(photo.float()))
        # Places of clicks need all of float32, and the decoder is small beside the encoder.
        shared = embeddings.float().repeat_interleave(masks.shape[1], dim=0)
        slots = opening_prompts(
            inside, inside, torch.ones_like(inside), self.config.prompts, generator
        )
        preferred: Tensor | None = None
        losses, ious = [], []
        for _ in range(rounds):
            if preferred is not None:
                found = F.interpolate(preferred, inside.shape[2:], mode="bilinear") > MASK_THRESHOLD
                # Only what was missed can be clicked: it knows no clicks on the background.
                slots = slots.add(*error_click(inside, found & inside, generator))
            logits, iou = self.network(shared, *placed(slots, photo.shape[-1]))
            losses.append(best_mask_loss(logits, iou, target, self.config.losses))
            best = iou.argmax(dim=1)
            preferred = logits.detach()[torch.arange(len(best)), best][:, None]
            ious.append(mask_ious(preferred, target > 0.5).mean())
        loss = torch.stack(losses).mean()
        self.update(loss)
        return torch.stack([loss.detach(), ious[0], ious[-1]])


def placed(slots: Slots, size: int) -> tuple[Tensor, Tensor]:
    """Inputs of EfficientSAM's decoder; the simulated user gives centres of pixels, not indices."""
    is_click = (slots.labels == PointLabel.POSITIVE)[..., None]
    return point_slots(torch.where(is_click, slots.coords - 0.5, slots.coords), slots.labels, size)
