"""The named variants of the networks as frozen configurations."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from squeezesam.errors import ConfigError
from squeezesam.spec import (
    DETECTOR,
    EARLY,
    EFFICIENTSAM,
    EMBEDDING_CHANNELS,
    EMBEDDING_STRIDE,
    SAM,
    SEGMENTER,
    NetworkKind,
)

BlockKind = Literal["residual", "inverted"]


@dataclass(frozen=True)
class UNetConfig:
    """Widths and depths of one UNet; scales count down from 1/2 to 1/32 of what it sees.

    Attributes:
        stem: channels at 1/2, before the prompt maps are concatenated.
        encoder: channels at 1/4, 1/8, 1/16 and 1/32.
        blocks: residual blocks at each of those scales.
        decoder: channels at 1/16, 1/8, 1/4 and perhaps 1/2 on the way back up; a decoder that ends
            at 1/4 gives four pixels in each of its cells.
        block: `residual` is two 3x3 convolutions, `inverted` a MobileNetV2 bottleneck.
        transformer_depth: attention + MLP layers at 1/32.
        heads: attention heads; must divide the channels at 1/32.
        mlp_ratio: hidden width of the MLP over its input width.
    """

    stem: int
    encoder: tuple[int, int, int, int]
    blocks: tuple[int, int, int, int]
    decoder: tuple[int, ...]
    block: BlockKind = "residual"
    transformer_depth: int = 3
    heads: int = 4
    mlp_ratio: int = 2

    def __post_init__(self) -> None:
        if self.encoder[-1] % self.heads:
            raise ConfigError(
                f"heads={self.heads} does not divide the {self.encoder[-1]} channels at 1/32; "
                "choose a divisor"
            )


@dataclass(frozen=True)
class SqueezeSamConfig(UNetConfig):
    """One SqueezeSAM.

    Attributes:
        kind: of the network.
        bottom_stride: input pixels per cell of the bottom scale.
    """

    kind: ClassVar[NetworkKind] = SEGMENTER
    bottom_stride: ClassVar[int] = 32


@dataclass(frozen=True)
class DetectorConfig(UNetConfig):
    """One salient-object detector; it halves its input before all else.

    Attributes:
        kind: of the network.
        bottom_stride: input pixels per cell of the bottom scale.
    """

    kind: ClassVar[NetworkKind] = DETECTOR
    bottom_stride: ClassVar[int] = 64


@dataclass(frozen=True)
class EarlyWidths:
    """Widths and depths of the early public version of SqueezeSAM.

    Attributes:
        stem: channels of the 2x2 stride-2 stem.
        encoder: channels of the levels, each of half the side of the one before.
        transformer_depth, heads: layers and heads of SAM's two-way transformer at the last level.
        mlp_width: hidden width of its MLPs.
    """

    stem: int = 64
    encoder: tuple[int, ...] = (64, 128, 128, 128, 128, 164, 256, 256)
    transformer_depth: int = 2
    heads: int = 8
    mlp_width: int = 256

    @property
    def bottom_stride(self) -> int:
        """Input pixels per cell of the bottom scale."""
        return 2 ** len(self.encoder)


@dataclass(frozen=True)
class ReferenceConfig(EarlyWidths):
    """The arrangement of the early public version of SqueezeSAM (networks/reference.py).

    Its mask features have as many channels as the stem.

    Attributes:
        mlp_width: unpublished, chosen so that the parameters add up to the published 10.16 M.
        kind: of the network.
    """

    kind: ClassVar[NetworkKind] = SEGMENTER

    mlp_width: int = 128


@dataclass(frozen=True)
class EfficientSamConfig:
    """One EfficientSAM (networks/efficientsam.py).

    Attributes:
        width: channels of the vision transformer.
        depth: its layers.
        heads: its attention heads; must divide the width.
        mlp_ratio: hidden width of its MLPs over its width.
        grid: side, in tokens, of the photos whose positions were learnt.
        decoder_depth, decoder_heads, decoder_mlp: layers, heads and hidden width of the decoder's
            two-way transformer.
        kind: of the network.
        bottom_stride: side of a token in input pixels.
        channels: of the image embeddings and of the decoder.
    """

    kind: ClassVar[NetworkKind] = EFFICIENTSAM
    bottom_stride: ClassVar[int] = EMBEDDING_STRIDE
    channels: ClassVar[int] = EMBEDDING_CHANNELS

    width: int
    heads: int
    depth: int = 12
    mlp_ratio: int = 4
    grid: int = 14
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ConfigError(
                f"heads={self.heads} does not divide width={self.width}; choose a divisor"
            )


@dataclass(frozen=True)
class WindowedVitConfig:
    """Segment Anything's vision transformer (networks/windowed_vit.py).

    Attributes:
        width: channels; `heads` must divide it.
        depth: layers.
        heads: attention heads.
        whole: numbers of the layers that attend to all tokens; the others stay in windows.
        window: side of a window in tokens.
        grid: side, in tokens, of the photos whose positions were learnt.
        mlp_ratio: hidden width of its MLPs over its width.
    """

    width: int
    depth: int
    heads: int
    whole: tuple[int, ...]
    window: int = 14
    grid: int = 64
    mlp_ratio: int = 4


@dataclass(frozen=True)
class TinyVitConfig:
    """TinyViT-5M (networks/tiny_vit.py), a value for each stage; the first is convolutional.

    Attributes:
        widths, depths, heads: channels, layers and attention heads.
        windows: sides in cells; the first is unused.
        strides: on the way into each stage but the first.
        expansion: of the channels inside a block of the first stage.
        mlp_ratio: hidden width of the MLPs over the channels.
    """

    widths: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (2, 4, 5, 10)
    windows: tuple[int, ...] = (7, 7, 14, 7)
    strides: tuple[int, ...] = (2, 2, 1)
    expansion: int = 4
    mlp_ratio: int = 4


@dataclass(frozen=True)
class RepVitConfig:
    """RepViT-M1 (networks/rep_vit.py), a value for each stage.

    Attributes:
        widths: channels.
        depths: blocks between those that change the size.
        expansion: of the channels inside a block.
    """

    widths: tuple[int, ...] = (48, 96, 192, 384)
    depths: tuple[int, ...] = (2, 2, 14, 2)
    expansion: int = 2


@dataclass(frozen=True)
class SamConfig:
    """One network of the Segment Anything family (networks/sam.py).

    Attributes:
        trunk: of the image encoder.
        decoder_depth, decoder_heads, decoder_mlp: layers, heads and hidden width of the decoder's
            two-way transformer.
        kind: of the network.
        bottom_stride: input pixels per cell of the image embeddings.
        channels: of the image embeddings and of the decoder.
    """

    kind: ClassVar[NetworkKind] = SAM
    bottom_stride: ClassVar[int] = EMBEDDING_STRIDE
    channels: ClassVar[int] = EMBEDDING_CHANNELS

    trunk: WindowedVitConfig | TinyVitConfig | RepVitConfig
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048


@dataclass(frozen=True)
class EarlySamConfig(EarlyWidths):
    """The early public version of SqueezeSAM, as its checkpoint has it (networks/early.py).

    Attributes:
        kind: of the network.
    """

    kind: ClassVar[NetworkKind] = EARLY


PromptableConfig = (
    SqueezeSamConfig | ReferenceConfig | EfficientSamConfig | EarlySamConfig | SamConfig
)
"""The configurations of networks that take prompts."""

NetworkConfig = PromptableConfig | DetectorConfig

VARIANTS: dict[str, PromptableConfig] = {
    "base": SqueezeSamConfig(
        stem=16,
        encoder=(40, 80, 144, 224),
        blocks=(1, 1, 3, 2),
        decoder=(112, 64, 40),
        transformer_depth=4,
    ),
    "nano": SqueezeSamConfig(
        stem=8,
        encoder=(24, 40, 80, 128),
        blocks=(1, 1, 1, 2),
        decoder=(64, 32, 24),
        transformer_depth=2,
    ),
    "reference": ReferenceConfig(),
    "efficientsam_ti": EfficientSamConfig(width=192, heads=3),
    "efficientsam_s": EfficientSamConfig(width=384, heads=6),
    "early": EarlySamConfig(),
    "sam_vit_b": SamConfig(WindowedVitConfig(768, depth=12, heads=12, whole=(2, 5, 8, 11))),
    "sam_vit_l": SamConfig(WindowedVitConfig(1024, depth=24, heads=16, whole=(5, 11, 17, 23))),
    "sam_vit_h": SamConfig(WindowedVitConfig(1280, depth=32, heads=16, whole=(7, 15, 23, 31))),
    "mobile_sam": SamConfig(TinyVitConfig()),
    "edge_sam": SamConfig(RepVitConfig()),
}
DEFAULT_VARIANT = "base"

DETECTORS: dict[str, DetectorConfig] = {
    "saliency": DetectorConfig(
        stem=16, encoder=(40, 80, 144, 224), blocks=(1, 1, 2, 1), decoder=(112, 64, 40, 16)
    ),
}
DEFAULT_DETECTOR = "saliency"


def variant_config(name: str) -> PromptableConfig:
    """Configuration of a named variant.

    Raises:
        ConfigError: `name` is not in VARIANTS.
    """
    if name not in VARIANTS:
        raise ConfigError(f"unknown variant {name!r}; choose one of {', '.join(VARIANTS)}")
    return VARIANTS[name]


def detector_config(name: str) -> DetectorConfig:
    """Configuration of a named salient-object detector.

    Raises:
        ConfigError: `name` is not in DETECTORS.
    """
    if name not in DETECTORS:
        raise ConfigError(f"unknown detector {name!r}; choose one of {', '.join(DETECTORS)}")
    return DETECTORS[name]


def check_size(size: int, bottom_stride: int) -> None:
    """Refuse a side of the square input that does not halve down to the bottom scale.

    Raises:
        ConfigError: not a positive multiple of `bottom_stride`.
    """
    if size < bottom_stride or size % bottom_stride:
        raise ConfigError(
            f"input size {size} does not fit this network; choose a multiple of {bottom_stride}"
        )
