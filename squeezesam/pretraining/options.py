"""Everything that decides the outcome of a pretraining, with what the papers leave open.

SAMI (EfficientSAM, arXiv 2312.00863) and MAE (arXiv 2111.06377) say what is masked and what is
predicted. What SAMI's paper does not say is an option here, and its docstring has the reason of the
default.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

from squeezesam.errors import ConfigError
from squeezesam.training.config import Stage, TrainConfig, whole_numbers

Method = Literal["sami", "mae"]
METHODS: tuple[Method, ...] = ("sami", "mae")


@dataclass(frozen=True)
class CropOptions:
    """The piece of a photo that is shown.

    Attributes:
        area: smallest and largest share of the photo; 0.2 to 1 is MAE's random resized crop, which
            SAMI names without its range.
        aspect: largest ratio of the sides of the piece, before it is stretched to the square.
        mirror: chance of left and right changing places. The teacher's features are mirrored
            rather than made anew, since a teacher costs more than a student.
        colour: whether light and colour are changed as in `squeezesam train`. SAMI names no such
            change, and the teacher has seen the photo as it is; so the default is no.
    """

    area: tuple[float, float] = (0.2, 1.0)
    aspect: float = 4 / 3
    mirror: float = 0.5
    colour: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.area[0] <= self.area[1] <= 1 or not 1 <= self.aspect < math.inf:
            raise ConfigError(f"crops {self} need shares within 0..1 and an aspect of 1 or more")


@dataclass(frozen=True)
class DecoderOptions:
    """The decoder of a pretraining, which is thrown away afterwards.

    Attributes:
        depth: layers; the paper has 8, as MAE has.
        width: channels; the paper has 512, as MAE has.
        heads: attention heads; 16 is MAE's number, the paper names none.
        mlp_ratio: hidden width of its MLPs over its width; 4 is MAE's, the paper names none.
    """

    depth: int = 8
    width: int = 512
    heads: int = 16
    mlp_ratio: int = 4

    def __post_init__(self) -> None:
        if min(self.depth, self.width, self.heads, self.mlp_ratio) < 1:
            raise ConfigError(f"{self} needs at least one of each")
        if self.width % self.heads or self.width % 4:
            raise ConfigError(f"a decoder's width must be a multiple of 4 and of its heads: {self}")

    @classmethod
    def parse(cls, text: str) -> "DecoderOptions":
        """Read DEPTH:WIDTH:HEADS.

        Raises:
            ConfigError: not three numbers that fit together.
        """
        return cls(*whole_numbers(text, "decoder", "DEPTH:WIDTH:HEADS", "8:512:16"))


@dataclass(frozen=True)
class TargetOptions:
    """How a teacher's features become what each token of the student is to predict.

    Attributes:
        points: points along each side of a token at which the teacher's map is read, bilinearly;
            their mean is the target (as RoIAlign does). The paper does not say how SAM's 64x64
            cells meet the student's 14x14 tokens. A token of a whole photo covers more than 4 cells
            along each side, so that one point alone would leave most of them out.
        normalised: whether the target of each token gets mean 0 and variance 1, as MAE does with
            pixels. The paper does not say. SAM's features come out of such a norm; those of other
            teachers do not, and their scale would decide the learning rate.
    """

    points: int = 4
    normalised: bool = True

    def __post_init__(self) -> None:
        if self.points < 1:
            raise ConfigError(f"points {self.points} must be at least 1")


@dataclass(frozen=True)
class CacheOptions:
    """Where a teacher's features are kept.

    Attributes:
        gigabytes: beyond this, features are made again each time. A SAM's map of a photo takes
            2 MB; so 20 GB hold those of 10,000 photos.
    """

    gigabytes: float = 20.0

    def __post_init__(self) -> None:
        if not 0 <= self.gigabytes < math.inf:
            raise ConfigError(f"a cache of {self.gigabytes} GB is impossible; give 0 or more")


@dataclass(frozen=True)
class PretrainConfig(TrainConfig):
    """Recipe of one pretraining; what `TrainConfig` says of prompts and masks goes unused.

    Its stages, rates and weight decay are SAMI's on ImageNet: 400 epochs of 1.28 million photos,
    40 of them warm-up.

    Attributes:
        method: what is predicted. `sami`: the teacher's features of all tokens. `mae`: the pixels
            of the hidden tokens, normalised, and no teacher.
        hidden: share of the tokens that the encoder does not see.
        crop: what is shown of a photo.
        target: how the teacher's features are taken.
        decoder: what predicts.
        teacher: identity of the teacher; empty without one.
    """

    stages: tuple[Stage, ...] = (Stage(224, 125_000, 4096),)
    learning_rate: float = 2.4e-3
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    warmup: int = 12_500
    method: Method = "sami"
    hidden: float = 0.75
    crop: CropOptions = field(default_factory=CropOptions)
    target: TargetOptions = field(default_factory=TargetOptions)
    decoder: DecoderOptions = field(default_factory=DecoderOptions)
    teacher: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method not in METHODS:
            raise ConfigError(f"unknown method {self.method!r}; choose {' or '.join(METHODS)}")
        if not 0 < self.hidden < 1:
            raise ConfigError(f"the hidden share {self.hidden} must lie between 0 and 1")
        if (self.method == "sami") != bool(self.teacher):
            raise ConfigError(
                "method sami needs a --teacher, and method mae takes none; give the one that fits"
            )
