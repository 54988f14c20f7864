"""Everything that decides the outcome of a training run, and the named recipes."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from torch import nn

from squeezesam.data.records import Dataset, Prominence
from squeezesam.errors import ConfigError
from squeezesam.networks.configs import check_size
from squeezesam.networks.segmenter import BOTTOM_STRIDE
from squeezesam.spec import DETECTOR, DETECTOR_SIZE, EFFICIENTSAM, EFFICIENTSAM_SIZE, INPUT_SIZE
from squeezesam.training.augmentation import AugmentConfig, PasteConfig, WarpConfig
from squeezesam.training.closer import CloserConfig
from squeezesam.training.losses import LossConfig
from squeezesam.training.optimizer import Decay
from squeezesam.training.salient_samples import SalientConfig
from squeezesam.training.samples import CropConfig, SampleConfig
from squeezesam.training.simulated_user import PromptConfig

Precision = Literal["bf16", "fp32"]


def whole_numbers(text: str, what: str, form: str, example: str) -> list[int]:
    """The whole numbers of an option, such as `256:6000:16` for SIZE:STEPS:BATCH.

    Args:
        text: what the user gave.
        what: a word for it, for the message.
        form: a name for each number, between colons.
        example: text that fits.

    Raises:
        ConfigError: the text has another number of parts, or one is no whole number.
    """
    try:
        numbers = [int(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(":")):
        raise ConfigError(f"{what} {text!r} is not {form}, e.g. {example}")
    return numbers


@dataclass(frozen=True)
class Stage:
    """A stretch of training at one input size.

    Attributes:
        size: side of the input in pixels, a multiple of 32.
        steps: batches.
        batch: samples a batch, over all processes together.
    """

    size: int
    steps: int
    batch: int

    def __post_init__(self) -> None:
        if self.size <= 0 or self.size % 32 or self.steps < 1 or self.batch < 1:
            raise ConfigError(
                f"stage {self} needs a size that is a multiple of 32 and at least one step "
                "and one sample"
            )
        self.check_fits(BOTTOM_STRIDE)

    def check_fits(self, bottom_stride: int) -> None:
        """Refuse what a network of this bottom stride cannot be trained on.

        Raises:
            ConfigError: the size is no multiple of it, or leaves BatchNorm a single value.
        """
        check_size(self.size, bottom_stride)
        if self.size == bottom_stride and self.batch == 1:
            raise ConfigError(f"stage {self} gives BatchNorm one value; take a larger batch")

    def __str__(self) -> str:
        return f"{self.size}:{self.steps}:{self.batch}"

    @classmethod
    def parse(cls, text: str) -> "Stage":
        """Read SIZE:STEPS:BATCH.

        Raises:
            ConfigError: not three positive whole numbers, or the size does not fit.
        """
        return cls(*whole_numbers(text, "stage", "SIZE:STEPS:BATCH", "256:6000:16"))


@dataclass(frozen=True)
class TrainConfig:
    """Recipe of one run.

    Attributes:
        stages: one after another, under one learning-rate schedule.
        shares: chance of each data set by name; the others divide the rest
            (`squeezesam.training.samples.mixture`).
        learning_rate: peak, after `warmup` steps, decaying to 1 % of it.
        betas: of AdamW; how slowly it forgets the gradients and their squares.
        decay: course of the learning rate after the warm-up.
        rounds: chance of 1, 2, 3... answers to a batch, each correcting the last and each an
            optimizer step, or all of them one step where they share the features of their photo.
        objects: masks that are asked for in each photo of a batch, by a network whose encoder runs
            once for all of them.
        ema: decay of the averaged weights, which are the ones kept.
        precision: type of the network's arithmetic; weights and losses are always fp32.
        compile: compile the network; pays on a GPU, not on the CPUs that were measured.
        workers: data processes for each training process.
        checkpoint_every: steps between checkpoints.
        samples: what is asked for.
        augment: what is done to photos and masks.
        prompts: how the simulated user asks.
        closer: second looks at what the first answer found.
        losses: what an answer is paid for.
        salient: what the salient-object detector is to find.
    """

    stages: tuple[Stage, ...] = (Stage(224, 4000, 24), Stage(INPUT_SIZE, 8000, 16))
    shares: Mapping[str, float] = field(default_factory=dict)
    learning_rate: float = 1.5e-3
    betas: tuple[float, float] = (0.9, 0.999)
    decay: Decay = "cosine"
    weight_decay: float = 0.02
    warmup: int = 300
    clip: float = 1.0
    rounds: tuple[float, ...] = (0.56, 0.2, 0.1, 0.05, 0.03, 0.03, 0.02, 0.01)
    objects: int = 8
    ema: float = 0.999
    precision: Precision = "bf16"
    compile: bool = False
    seed: int = 0
    workers: int = 1
    checkpoint_every: int = 200
    samples: SampleConfig = field(default_factory=SampleConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    prompts: PromptConfig = field(default_factory=PromptConfig)
    closer: CloserConfig = field(default_factory=CloserConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    salient: SalientConfig = field(default_factory=SalientConfig)

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning rate {self.learning_rate} must be positive and finite")
        if self.objects < 1:
            raise ConfigError(f"objects {self.objects} must be at least 1")
        if self.seed < 0 or self.workers < 0:
            raise ConfigError(f"seed {self.seed} and workers {self.workers} must not be negative")

    @property
    def steps(self) -> int:
        """Batches of all stages together."""
        return sum(stage.steps for stage in self.stages)


MAY_CHANGE = ("stages", "workers", "compile", "checkpoint_every")
"""Fields that a resumed run may change: the schedule may be cut short, the rest changes nothing."""


def fingerprint(
    config: TrainConfig, datasets: Sequence[Dataset], start: nn.Module
) -> dict[str, str]:
    """What must be the same when a run is resumed, as text by name.

    Args:
        config: recipe.
        datasets: where photos come from.
        start: the network at its starting weights.
    """
    fields = {name: value for name, value in asdict(config).items() if name not in MAY_CHANGE}
    weights = hashlib.sha256()
    for parameter in start.parameters():
        weights.update(parameter.detach().cpu().contiguous().numpy().tobytes())
    fields["start"] = weights.hexdigest()
    fields["data"] = [f"{dataset.name} ({len(dataset)} photos)" for dataset in datasets]
    return {name: json.dumps(value, sort_keys=True) for name, value in fields.items()}


GENERAL = "general"

RECIPES: dict[str, TrainConfig] = {
    GENERAL: TrainConfig(),
    # The paper's person model: a short second stage on people, opened mostly by the five clicks of
    # the salient pipeline. Give the shares of the people sets with --share.
    "people": TrainConfig(
        stages=(Stage(INPUT_SIZE, 1200, 16),),
        learning_rate=3e-4,
        warmup=50,
        ema=0.995,
        prompts=PromptConfig(salient=0.5, several=0.1),
    ),
    # The salient-object detector. Its photos show large objects, so smaller ones are pasted in, and
    # whatever is whole is prominent.
    "saliency": TrainConfig(
        stages=(Stage(DETECTOR_SIZE, 2400, 16),),
        warmup=100,
        ema=0.998,
        samples=SampleConfig(crop=CropConfig(chance=0.4)),
        augment=AugmentConfig(
            warp=WarpConfig(zoom=(0.6, 1.3)),
            paste=PasteConfig(zoom=(0.2, 0.9), joins=True),
        ),
        salient=SalientConfig(prominence=Prominence(smallest=0.01), nothing=0.15),
    ),
    # EfficientSAM on SA-1B as published (arXiv 2312.00863): 5 epochs of 11 million photos. The
    # paper says nothing of the warm-up, which is Segment Anything's.
    "efficientsam": TrainConfig(
        stages=(Stage(EFFICIENTSAM_SIZE, 430_000, 128),),
        learning_rate=4e-4,
        decay="linear",
        weight_decay=0.1,
        warmup=250,
        rounds=(0.4, 0.2, 0.2, 0.1, 0.1),
        samples=SampleConfig(mirror=0.0),
        prompts=PromptConfig(box=0.4, box_and_click=0.1, several=0.2, salient=0.0),
    ),
}
DEFAULT_RECIPES = {DETECTOR.name: "saliency", EFFICIENTSAM.name: "efficientsam"}
"""By kind of network, where it is not GENERAL."""


def recipe(name: str) -> TrainConfig:
    """A recipe by name.

    Raises:
        ConfigError: unknown.
    """
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}; choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


SWITCHES = {
    "merging": ("samples", "merge"),
    "crop": ("samples", "crop"),
    "outliers": ("prompts", "outliers"),
    "paste": ("augment", "paste"),
    "warp": ("augment", "warp"),
}
"""What `--without` knows: where in `TrainConfig` an idea has its options; all have a `chance`."""


def without(config: TrainConfig, idea: str) -> TrainConfig:
    """The recipe less one idea, for ablations.

    Raises:
        ConfigError: unknown idea.
    """
    if idea not in SWITCHES:
        raise ConfigError(f"cannot train without {idea!r}; choose one of {', '.join(SWITCHES)}")
    group, name = SWITCHES[idea]
    options = getattr(config, group)
    off = dataclasses.replace(getattr(options, name), chance=0.0)
    changes: dict[str, Any] = {group: dataclasses.replace(options, **{name: off})}
    return dataclasses.replace(config, **changes)
