"""What is learned of one batch of a pretraining."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezesam.data.records import Dataset
from squeezesam.files import PathLike
from squeezesam.inference.letterbox import scaled
from squeezesam.pretraining.masking import random_order, split
from squeezesam.pretraining.network import MaskedNetwork
from squeezesam.pretraining.options import PretrainConfig
from squeezesam.pretraining.samples import PhotoSamples
from squeezesam.pretraining.teachers import CachedTeacher
from squeezesam.spec import EMBEDDING_STRIDE
from squeezesam.training.augmentation import recolour
from squeezesam.training.loop import Trainer
from squeezesam.training.processes import Processes
from squeezesam.training.samples import RawSample
from squeezesam.training.telemetry import Measures

PATCH_VALUES = 3 * EMBEDDING_STRIDE**2
"""Numbers of the pixels of one token."""


def patches(image: Tensor) -> Tensor:
    """The pixels of each token, row by row: [B, 3, S, S] -> [B, T, 768]."""
    return F.unfold(image, EMBEDDING_STRIDE, stride=EMBEDDING_STRIDE).transpose(1, 2)


class Pretrainer(Trainer[MaskedNetwork]):
    """Trains an encoder to predict features or pixels from some of the tokens; see `Trainer`.

    Args:
        teacher: whose features are predicted; None for the pixels.
    """

    measures: ClassVar[Measures] = Measures(
        ("error_hidden", "error_shown"), "error {:.3f} of hidden tokens, {:.3f} of shown ones"
    )
    config: PretrainConfig

    def __init__(
        self,
        model: MaskedNetwork,
        datasets: Sequence[Dataset],
        config: PretrainConfig,
        folder: PathLike,
        processes: Processes,
        teacher: CachedTeacher | None,
    ) -> None:
        self.teacher = teacher
        super().__init__(model, datasets, config, folder, processes)

    def samples(self, number: int) -> PhotoSamples:
        """Pieces of photos."""
        config = self.config
        size, seed = config.stages[number].size, (config.seed, number)
        shown = (self.datasets, self.shares, size, seed, config.samples)
        return PhotoSamples(*shown, config.crop, self.teacher, config.target)

    def train_on(self, raw: RawSample, step: int) -> Tensor:
        """One batch: mean squared errors; of all tokens for `sami`, of hidden ones for `mae`."""
        config = self.config
        generator = self.own_generator(self.seeds(step))
        photo, features = (part.to(self.device, non_blocking=True) for part in raw[:2])
        image = scaled(photo.float())
        if config.crop.colour:
            image = recolour(image, config.augment.colour, generator)
        is_taught = config.method == "sami"
        target = features.flatten(2).transpose(1, 2) if is_taught else patches(image)
        if config.target.normalised:
            target = F.layer_norm(target, target.shape[2:])
        parts = split(random_order(len(image), self.model.tokens, generator), config.hidden)
        predicted: Tensor = self.answer(image, *parts)
        errors = ((predicted.float() - target) ** 2).mean(dim=2)  # [B, T]
        shown, hidden = (errors.gather(1, places).mean() for places in parts)
        loss = errors.mean() if is_taught else hidden
        self.update(loss)
        return torch.stack([loss, hidden, shown]).detach()
