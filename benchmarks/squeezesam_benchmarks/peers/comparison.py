"""Our networks, peers and anybody's ONNX files on the same work, in one interleaved run."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.spec import SEGMENTER, TensorSpec
from squeezesam_benchmarks.devices import BenchmarkArtifact
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.interleaving import time_all
from squeezesam_benchmarks.ort_session import declared_inputs
from squeezesam_benchmarks.peers.catalog import peer_network, with_weights
from squeezesam_benchmarks.peers.click_network import ClickNetwork
from squeezesam_benchmarks.peers.layers import (
    PeerNetwork,
    fused_by_onnxruntime,
    in_form,
)
from squeezesam_benchmarks.pipelines import SQUEEZESAM
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Result, TimedFile
from squeezesam_benchmarks.subjects import FRESH_PRECISION, cost, fresh_subject, random_subjects
from squeezesam_export.bundle.artifacts import sha256_of, size_of
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.targets import executorch_target, onnx_target
from squeezesam_export.targets.ort_file import OnnxFile
from squeezesam_export.targets.target import ExportJob, ExportTarget, LoweringReport


def model_subject(path: Path) -> BenchmarkArtifact:
    """The whole click where the file has our inputs, else the network alone on random ones.

    Raises:
        ArtifactError: missing, damaged, or an input without a fixed shape.
        MissingDependencyError: onnxruntime is not installed.
    """
    nodes = OnnxFile(path).inputs
    try:
        inputs = declared_inputs(nodes)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from error
    given = [(node.name, one.shape) for node, one in zip(nodes, inputs, strict=True)]
    side = given[0][1][-1] if given and given[0][1] else 0
    is_ours = given == [(spec.name, spec.shape) for spec in SEGMENTER.inputs(side)]
    described = TimedFile(path.name, sha256_of(path), size_of(path))
    return BenchmarkArtifact(
        path, onnx_target.TARGET.name, described, SQUEEZESAM if is_ours else None
    )


OPSET = 20
"""The first with a GELU of its own; ONNX Runtime does not fuse the five operators of earlier
ones."""


class PeerJob(ExportJob):
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


def to_onnx(network: PeerNetwork, path: Path) -> LoweringReport:
    """As ONNX Runtime runs it fastest."""
    job = peer_job(in_form(network, fused_by_onnxruntime))
    return onnx_target.export(job, path, OPSET)


def to_executorch(network: PeerNetwork, path: Path) -> LoweringReport:
    """As XNNPACK takes most of it."""
    return executorch_target.export_xnnpack(peer_job(network), path)


EXPORTERS: dict[ExportTarget, Callable[[PeerNetwork, Path], LoweringReport]] = {
    onnx_target.TARGET: to_onnx,
    executorch_target.XNNPACK_TARGET: to_executorch,
}


def export_peer(name: str, path: Path, size: int | None = None) -> LoweringReport:
    """Write a peer with random weights; the suffix of the path says for which runtime.

    Args:
        name: in `catalog.PEERS`.
        path: with the suffix of one of EXPORTERS.
        size: side of its square input in pixels, a multiple of 32; None for the published one.

    Raises:
        ConfigError: no such peer, or another suffix.
        MissingDependencyError: a package of the runtime is not installed.
    """
    network = peer_network(name, size)
    for target, export in EXPORTERS.items():
        if path.suffix == target.suffix:
            return export(network, path)
    suffixes = ", ".join(target.suffix for target in EXPORTERS)
    raise ConfigError(f"{path.name} must end in one of {suffixes}")


TARGETS = ("onnx", "executorch")


@dataclass(frozen=True)
class Purpose:
    """What networks, ours and others', are for.

    Attributes:
        variants: ours; the first is what all are compared with.
        peers: names in `catalog.PEERS`.
    """

    variants: tuple[str, ...]
    peers: tuple[str, ...]


PURPOSES = {
    "clicks": Purpose(
        ("base", "nano", "reference"),
        ("mobilesam-shaped", "efficientsam-ti-shaped", "edgetam-shaped"),
    ),
    "saliency": Purpose(("saliency",), ("u2netp-shaped",)),
}
"""By the name that `bench peers --purpose` takes; the first is the usual one."""


@dataclass(frozen=True)
class PeerOptions:
    """What to time, and how.

    Attributes:
        purpose: of the networks.
        models: ONNX files of the user.
        weights: files of weights for peers; the others have random ones.
        threads: numbers of threads; empty for the host's usual ones.
        protocol: of timing.

    Raises:
        ConfigError: two models that a report could not tell apart.
    """

    purpose: Purpose
    models: tuple[Path, ...]
    weights: tuple[Path, ...]
    threads: tuple[int, ...]
    protocol: Protocol

    def __post_init__(self) -> None:
        names = [path.name for path in self.models]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"two models are called {name}; rename one")


def time_peers(options: PeerOptions, out: Path, progress: Callable[[str], None]) -> list[Result]:
    """Export everything with random weights, time it and add the results to a file.

    Args:
        options: what to time.
        out: results file.
        progress: takes a line for each step that is done.

    Raises:
        ArtifactError: a model of the user does not load, run, or say its shapes.
        ConfigError: a number of threads that this machine cannot pin, or weights of no peer.
        MissingDependencyError: a runtime is not installed.
        WeightsError: weights are missing or damaged.
    """
    host = Host()
    if options.threads:
        host.check_threads(options.threads)  # before minutes of exporting
    models = [model_subject(path) for path in options.models]
    weights = with_weights(options.weights)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = random_subjects(options.purpose.variants, TARGETS, folder, progress)
        subjects = [*ours, *peer_subjects(options.purpose, folder, progress, weights), *models]
        return time_all(host, subjects, options.threads, options.protocol, out, progress)


LATER = "-later-click"
"""Ends the name of what a peer runs for a later click on the same photo."""


def peer_subjects(
    purpose: Purpose,
    folder: Path,
    progress: Callable[[str], None],
    weights: Mapping[str, Path] = MappingProxyType({}),
) -> list[BenchmarkArtifact]:
    """Every peer of a purpose for every runtime, as each click runs it.

    Args:
        purpose: of the peers.
        folder: where the artifacts go.
        progress: told of each artifact.
        weights: files by the name of the peer; the others have random weights.
    """
    subjects = []
    for peer in purpose.peers:
        file = weights.get(peer)
        whole = peer_network(peer, weights=file)
        pipeline = whole.kind.name if isinstance(whole, ClickNetwork) else None
        parts = [(peer, whole, pipeline)]
        decoder = whole.later_click()
        if decoder is not None:
            parts.append((f"{peer}{LATER}", decoder, None))
        for name, network, pipeline in parts:
            progress(f"{name}: {cost(network, network.input_specs())}")
            for target, export in EXPORTERS.items():
                path = folder / f"{name}_{target.name}_{FRESH_PRECISION}{target.suffix}"
                lowered = export(network, path)
                given = file.name if file else "random weights"
                progress(f"exported {path.name} with {given}")
                subjects.append(fresh_subject(path, target.name, name, lowered, pipeline))
    return subjects
