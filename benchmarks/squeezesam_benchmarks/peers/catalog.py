"""The networks to compare with; adding one is a builder and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from squeezesam.spec import PointLabel
from squeezesam_benchmarks.peers.click_network import ClickNetwork, Neck, SamDecoderConfig
from squeezesam_benchmarks.peers.edge_tam import PyramidNeck, RepVit, RepVitConfig
from squeezesam_benchmarks.peers.layers import ChannelNorm, PeerNetwork
from squeezesam_benchmarks.peers.plain_vit import PlainVit, PlainVitConfig
from squeezesam_benchmarks.peers.tiny_vit import TinyVit, TinyVitConfig
from squeezesam_benchmarks.peers.u2net import U2Net

TINY_VIT_5M = TinyVitConfig()
VIT_TINY = PlainVitConfig()
REPVIT_M1 = RepVitConfig()


def mobile_sam(size: int, config: TinyVitConfig = TINY_VIT_5M) -> ClickNetwork:
    """The shape of MobileSAM: TinyViT-5M, then Segment Anything's own decoder."""
    decoder = SamDecoderConfig(activation=nn.ReLU, norm=ChannelNorm, first_mask=0)
    return ClickNetwork(
        TinyVit(config),
        Neck(config.widths[-1], decoder.width),
        decoder,
        tuple(PointLabel),
        adds_no_mask=True,
        size=size,
    )


def efficient_sam_ti(size: int, config: PlainVitConfig = VIT_TINY) -> ClickNetwork:
    """The shape of EfficientSAM-Ti: ViT-Tiny, then a decoder with GELU and without negatives."""
    decoder = SamDecoderConfig(
        activation=nn.GELU, norm=lambda channels: nn.GroupNorm(1, channels), first_mask=1
    )
    labels = tuple(label for label in PointLabel if label != PointLabel.NEGATIVE)
    return ClickNetwork(
        PlainVit(config, size),
        Neck(config.width, decoder.width),
        decoder,
        labels,
        adds_no_mask=False,
        size=size,
    )


def edge_tam(size: int, config: RepVitConfig = REPVIT_M1) -> ClickNetwork:
    """The shape of EdgeTAM's image path: RepViT-M1 with a pyramid, then SAM 2's decoder."""
    decoder = SamDecoderConfig(
        activation=nn.ReLU, norm=ChannelNorm, first_mask=0, takes_fine=True, bounds_ious=True
    )
    return ClickNetwork(
        RepVit(config),
        PyramidNeck(config.widths, decoder.width),
        decoder,
        tuple(PointLabel),
        adds_no_mask=True,
        size=size,
    )


@dataclass(frozen=True)
class Peer:
    """A network to compare with, and what is published about its original.

    Attributes:
        build: the network for a square image of so many pixels.
        size: side in pixels of the square that it was published for.
        parameters: published.
        macs: published, of one inference at that size; None where none are.
        macs_have_attention: whether that sum has the products inside of attention in it; counters
            that look at layers alone leave them out.
    """

    build: Callable[[int], PeerNetwork]
    size: int
    parameters: int
    macs: int | None
    macs_have_attention: bool


# The papers could not be opened where this was written: figures of MACs are quoted from memory.
PEERS = {
    # Parameters: the authors' model card. Their file has
    # 10.1 M, since it keeps TinyViT's classifier, which does not run. MACs: the table of EdgeSAM
    # (arXiv 2312.06660). Ours are 37.9 G by layers alone and 40.6 G with attention's products, so
    # we take it to count layers; TinySAM (arXiv 2312.13789) has 42.0 G.
    "mobilesam-shaped": Peer(
        mobile_sam,
        size=1024,
        parameters=9_660_000,
        macs=38_200_000_000,
        macs_have_attention=False,
    ),
    # Parameters: the paper (arXiv 2312.00863) rounds to 10 M; the authors' file of float32 weights
    # has 41 MB. MACs: passed on as about 102 G, without a table to cite; our encoder and neck alone
    # are 102.3 G. Three quarters are attention's products.
    "efficientsam-ti-shaped": Peer(
        efficient_sam_ti,
        size=1024,
        parameters=10_200_000,
        macs=102_000_000_000,
        macs_have_attention=True,
    ),
    # Dimensions: the authors' configuration (facebookresearch/EdgeTAM at 9cc44bf, edgetam.yaml) and
    # timm's repvit_m1. The 13.9 M that are published have the memory of a video in them. Of the
    # image path two ExecuTorch files in float32 are public (mlboydaisuke/EdgeTAM-ExecuTorch): the
    # encoder has 19.7 MB, and the decoder 24.7 MB, of which 8.4 MB must be two constants of
    # 256 x 64 x 64: together 9.0 M. No MACs of it were found; a test holds the backbone against
    # RepViT-M1's.
    "edgetam-shaped": Peer(
        edge_tam, size=1024, parameters=9_000_000, macs=None, macs_have_attention=False
    ),
    # The paper (arXiv 2005.09007) gives the dimensions of every block; 4.7 MB of float32 weights
    # are 1.13 M parameters with the statistics of the BatchNorms. No MACs.
    "u2netp-shaped": Peer(
        U2Net, size=320, parameters=1_130_000, macs=None, macs_have_attention=False
    ),
}
