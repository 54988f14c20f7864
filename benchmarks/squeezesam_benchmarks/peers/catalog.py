"""The networks to compare with; adding one is a builder and a line here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch

from squeezesam.errors import ConfigError
from squeezesam.networks.building import build_network, folded
from squeezesam.networks.configs import RepVitConfig, SamConfig, variant_config
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.networks.sam import Sam, SamEncoder
from squeezesam.networks.weights import declared_variant, load_weights
from squeezesam.spec import SAM
from squeezesam_benchmarks.peers.click_network import ClickNetwork
from squeezesam_benchmarks.peers.edge_tam import (
    FineDecoder,
    PyramidNeck,
    RepVitLevels,
    pyramid_specs,
)
from squeezesam_benchmarks.peers.layers import PeerNetwork
from squeezesam_benchmarks.peers.u2net import U2Net


def click_network(network: EfficientSam | Sam) -> ClickNetwork:
    """A network of this project as a click runs it."""
    return ClickNetwork(network.encoder, network.decoder, network.kind, network.size)


def of_variant(variant: str, size: int) -> ClickNetwork:
    """A variant with random weights, for a square image of so many pixels."""
    network = build_network(variant_config(variant), size)
    return click_network(cast(EfficientSam | Sam, network))


def edge_tam(size: int, trunk: RepVitConfig | None = None) -> ClickNetwork:
    """The shape of EdgeTAM's image path, with random weights."""
    config = SamConfig(trunk or RepVitConfig())
    assert isinstance(config.trunk, RepVitConfig)
    encoder = SamEncoder(
        RepVitLevels(config.trunk), PyramidNeck(config.trunk.widths, config.channels)
    )
    decoder = FineDecoder(config, size // config.bottom_stride)
    return ClickNetwork(encoder, decoder, SAM, size, pyramid_specs)


@dataclass(frozen=True)
class Peer:
    """A network to compare with, and what is published about its original.

    Attributes:
        build: the network for a square image of so many pixels, with random weights.
        size: side in pixels of the square that it was published for.
        parameters: published.
        macs: published, of one inference at that size; None where none are.
        macs_have_attention: whether that sum has the products inside of attention in it; counters
            that look at layers alone leave them out.
        variant: of this project, whose weights it can have; None for none.
    """

    build: Callable[[int], PeerNetwork]
    size: int
    parameters: int
    macs: int | None
    macs_have_attention: bool
    variant: str | None = None


# The papers could not be opened where this was written: figures of MACs are quoted from memory.
PEERS = {
    # Parameters: the authors' model card. Their file has
    # 10.1 M, since it keeps TinyViT's classifier, which does not run. MACs: the table of EdgeSAM
    # (arXiv 2312.06660). Ours are 37.9 G by layers alone and 40.6 G with attention's products, so
    # we take it to count layers; TinySAM (arXiv 2312.13789) has 42.0 G.
    "mobilesam-shaped": Peer(
        partial(of_variant, "mobile_sam"),
        size=1024,
        parameters=9_660_000,
        macs=38_200_000_000,
        macs_have_attention=False,
        variant="mobile_sam",
    ),
    # Parameters: the paper (arXiv 2312.00863) rounds to 10 M; the authors' file of float32 weights
    # has 41 MB. MACs: passed on as about 102 G, without a table to cite; our encoder and neck alone
    # are 102.3 G. Three quarters are attention's products.
    "efficientsam-ti-shaped": Peer(
        partial(of_variant, "efficientsam_ti"),
        size=1024,
        parameters=10_200_000,
        macs=102_000_000_000,
        macs_have_attention=True,
        variant="efficientsam_ti",
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


def with_weights(paths: Sequence[Path]) -> dict[str, Path]:
    """The peers that weights files are of, by their names in PEERS.

    Raises:
        ConfigError: a file is of no peer, or two are of the same.
        WeightsError: a file is missing or damaged.
    """
    names = {peer.variant: name for name, peer in PEERS.items() if peer.variant}
    found: dict[str, Path] = {}
    for path in paths:
        variant = declared_variant(path)
        if variant not in names:
            raise ConfigError(f"{path} holds weights of no peer; give some of {', '.join(names)}")
        if names[variant] in found:
            raise ConfigError(f"{path} and {found[names[variant]]} are both of {variant}; give one")
        found[names[variant]] = path
    return found


def peer_network(name: str, size: int | None = None, weights: Path | None = None) -> PeerNetwork:
    """A peer ready for inference.

    Args:
        name: in PEERS.
        size: side of its square input in pixels, a multiple of 32; None for the published one.
        weights: of its variant; None for random ones.

    Raises:
        ConfigError: no such peer.
        WeightsError: the weights are missing or damaged.
    """
    if name not in PEERS:
        raise ConfigError(f"unknown peer {name!r}; choose from {', '.join(PEERS)}")
    peer = PEERS[name]
    if weights is not None:
        _, network = load_weights(weights, size or peer.size)
        return folded(click_network(cast(EfficientSam | Sam, network)))
    torch.manual_seed(0)
    return folded(peer.build(size or peer.size))
