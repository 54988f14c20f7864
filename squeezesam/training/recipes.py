"""Named recipes, and the switches that take one idea out of them."""

import dataclasses
from collections.abc import Callable

from squeezesam.errors import ConfigError
from squeezesam.training.config import Stage, TrainConfig
from squeezesam.training.prompts import PromptConfig

RECIPES: dict[str, TrainConfig] = {
    "general": TrainConfig(),
    # The paper's person model: a short second stage on people, opened mostly by the five clicks of
    # the salient pipeline. Give the shares of the people sets with --share.
    "people": TrainConfig(
        stages=(Stage(384, 400, 8), Stage(512, 400, 8)),
        learning_rate=3e-4,
        warmup=50,
        ema=0.995,
        prompts=PromptConfig(salient=0.5, several=0.1),
    ),
}
DEFAULT_RECIPE = "general"


def recipe(name: str) -> TrainConfig:
    """A recipe by name.

    Raises:
        ConfigError: unknown.
    """
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}; choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


def _without_merging(config: TrainConfig) -> TrainConfig:
    merge = dataclasses.replace(config.samples.merge, chance=0.0)
    return dataclasses.replace(config, samples=dataclasses.replace(config.samples, merge=merge))


def _without_crop(config: TrainConfig) -> TrainConfig:
    crop = dataclasses.replace(config.samples.crop, chance=0.0)
    return dataclasses.replace(config, samples=dataclasses.replace(config.samples, crop=crop))


def _without_outliers(config: TrainConfig) -> TrainConfig:
    outliers = dataclasses.replace(config.prompts.outliers, chance=0.0)
    prompts = dataclasses.replace(config.prompts, outliers=outliers)
    return dataclasses.replace(config, prompts=prompts)


def _without_paste(config: TrainConfig) -> TrainConfig:
    paste = dataclasses.replace(config.augment.paste, chance=0.0)
    return dataclasses.replace(config, augment=dataclasses.replace(config.augment, paste=paste))


def _without_warp(config: TrainConfig) -> TrainConfig:
    warp = dataclasses.replace(config.augment.warp, chance=0.0)
    return dataclasses.replace(config, augment=dataclasses.replace(config.augment, warp=warp))


SWITCHES: dict[str, Callable[[TrainConfig], TrainConfig]] = {
    "merging": _without_merging,
    "crop": _without_crop,
    "outliers": _without_outliers,
    "paste": _without_paste,
    "warp": _without_warp,
}
"""What `--without` knows."""


def without(config: TrainConfig, idea: str) -> TrainConfig:
    """The recipe less one idea, for ablations.

    Raises:
        ConfigError: unknown idea.
    """
    if idea not in SWITCHES:
        raise ConfigError(f"cannot train without {idea!r}; choose one of {', '.join(SWITCHES)}")
    return SWITCHES[idea](config)
