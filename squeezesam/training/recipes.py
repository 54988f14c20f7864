"""Named recipes, and the switches that take one idea out of them."""

import dataclasses
from typing import Any

from squeezesam.errors import ConfigError
from squeezesam.saliency.prominence import Prominence
from squeezesam.spec import DETECTOR_SIZE, INPUT_SIZE
from squeezesam.training.augment import AugmentConfig
from squeezesam.training.config import Stage, TrainConfig
from squeezesam.training.cropping import CropConfig
from squeezesam.training.geometry import WarpConfig
from squeezesam.training.pasting import PasteConfig
from squeezesam.training.prompts import PromptConfig
from squeezesam.training.salient_samples import SalientConfig
from squeezesam.training.samples import SampleConfig

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
}
DEFAULT_RECIPES = {"saliency": "saliency"}
"""By variant, where it is not GENERAL."""


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
