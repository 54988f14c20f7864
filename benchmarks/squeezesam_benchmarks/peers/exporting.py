"""Peers with random weights, on which latency does not depend, as artifacts of our runtimes."""

from collections.abc import Callable
from pathlib import Path

import torch

from squeezesam.errors import ConfigError
from squeezesam.network.folding import folded
from squeezesam.spec import TensorSpec
from squeezesam_benchmarks.peers.attention import fused_by_onnxruntime, in_form, written_out
from squeezesam_benchmarks.peers.catalog import PEERS
from squeezesam_benchmarks.peers.peer_network import PeerNetwork
from squeezesam_benchmarks.subjects import FRESH_PRECISION
from squeezesam_export import executorch_target, onnx_target
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.target import Job, Lowered, Target

OPSET = 20
"""The first with a GELU of its own; ONNX Runtime does not fuse the five operators of earlier
ones."""


class PeerJob(Job):
    """A job whose tensors are those of a network to compare with."""

    model: PeerNetwork

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Inputs of the network."""
        return self.model.input_specs()

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Outputs of the network."""
        return self.model.output_specs()


def peer_job(network: PeerNetwork) -> PeerJob:
    """The job of exporting a network in float32."""
    return PeerJob(network, network.size, SCHEMES[FRESH_PRECISION])


def to_onnx(network: PeerNetwork, path: Path) -> Lowered:
    """As ONNX Runtime runs it fastest."""
    job = peer_job(in_form(network, fused_by_onnxruntime))
    return onnx_target.export(job, path, OPSET)


def to_executorch(network: PeerNetwork, path: Path) -> Lowered:
    """As XNNPACK takes most of it; the LayerNorms stay outside, as they do in every export."""
    return executorch_target.export_xnnpack(peer_job(in_form(network, written_out)), path)


EXPORTERS: dict[Target, Callable[[PeerNetwork, Path], Lowered]] = {
    onnx_target.TARGET: to_onnx,
    executorch_target.XNNPACK_TARGET: to_executorch,
}


def random_peer(name: str, size: int | None = None) -> PeerNetwork:
    """A peer with random weights, ready for inference.

    Args:
        name: in `catalog.PEERS`.
        size: side of its square input in pixels, a multiple of 32; None for the published one.

    Raises:
        ConfigError: no such peer.
    """
    if name not in PEERS:
        raise ConfigError(f"unknown peer {name!r}; choose from {', '.join(PEERS)}")
    peer = PEERS[name]
    torch.manual_seed(0)
    return folded(peer.build(size or peer.size))


def export_peer(name: str, path: Path, size: int | None = None) -> Lowered:
    """Write a peer with random weights; the suffix of the path says for which runtime.

    Args:
        name: in `catalog.PEERS`.
        path: with the suffix of one of EXPORTERS.
        size: side of its square input in pixels, a multiple of 32; None for the published one.

    Raises:
        ConfigError: no such peer, or another suffix.
        MissingDependencyError: a package of the runtime is not installed.
    """
    network = random_peer(name, size)
    for target, export in EXPORTERS.items():
        if path.suffix == target.suffix:
            return export(network, path)
    suffixes = ", ".join(target.suffix for target in EXPORTERS)
    raise ConfigError(f"{path.name} must end in one of {suffixes}")
