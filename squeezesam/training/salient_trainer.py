"""Teaches the salient-object detector its heat map."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.data.records import Dataset
from squeezesam.network.detector import SaliencyDetector
from squeezesam.spec import MAP_STRIDE, SALIENCY_STRIDE
from squeezesam.training.config import TrainConfig
from squeezesam.training.loop import Trainer
from squeezesam.training.losses import mask_ious, mask_losses
from squeezesam.training.processes import Processes
from squeezesam.training.salient_samples import SalientSamples
from squeezesam.training.samples import RawSample, Samples


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
