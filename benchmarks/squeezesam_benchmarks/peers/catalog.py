"""The networks to compare with; adding one is a builder and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from squeezesam.spec import PointLabel
from squeezesam_benchmarks.peers.click_network import ClickNetwork
from squeezesam_benchmarks.peers.norms import ChannelNorm
from squeezesam_benchmarks.peers.plain_vit import PlainVit, PlainVitConfig
from squeezesam_benchmarks.peers.sam_decoder import SamDecoderConfig
from squeezesam_benchmarks.peers.tiny_vit import TinyVit, TinyVitConfig


def mobile_sam(size: int) -> ClickNetwork:
    """The shape of MobileSAM: TinyViT-5M, then Segment Anything's own decoder."""
    config = TinyVitConfig()
    decoder = SamDecoderConfig(activation=nn.ReLU, norm=ChannelNorm, first_mask=0)
    return ClickNetwork(
        TinyVit(config),
        config.widths[-1],
        decoder,
        tuple(PointLabel),
        adds_no_mask=True,
        size=size,
    )


def efficient_sam_ti(size: int) -> ClickNetwork:
    """The shape of EfficientSAM-Ti: ViT-Tiny, then a decoder with GELU and without negatives."""
    config = PlainVitConfig()
    decoder = SamDecoderConfig(
        activation=nn.GELU, norm=lambda channels: nn.GroupNorm(1, channels), first_mask=1
    )
    labels = tuple(label for label in PointLabel if label != PointLabel.NEGATIVE)
    return ClickNetwork(
        PlainVit(config, size), config.width, decoder, labels, adds_no_mask=False, size=size
    )
