"""Our networks, peers and anybody's ONNX files on the same work, in one interleaved run."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.peers.exporting import EXPORTERS, random_peer
from squeezesam_benchmarks.peers.models import model_subject
from squeezesam_benchmarks.pipelines import SAM
from squeezesam_benchmarks.places import Subject
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.schema import Result
from squeezesam_benchmarks.subjects import FRESH_PRECISION, cost, fresh_subject, random_subjects
from squeezesam_benchmarks.timing import time_all

TARGETS = ("onnx", "executorch")


@dataclass(frozen=True)
class Purpose:
    """What networks, ours and others', are for.

    Attributes:
        variants: ours; the first is what all are compared with.
        peers: names in `catalog.PEERS`.
        pipeline: of the peers, in `pipelines.PIPELINES`; None where only the network is timed.
    """

    variants: tuple[str, ...]
    peers: tuple[str, ...]
    pipeline: str | None


PURPOSES = {
    "clicks": Purpose(
        ("base", "nano", "reference"), ("mobilesam-shaped", "efficientsam-ti-shaped"), SAM
    ),
    "saliency": Purpose(("saliency",), ("u2netp-shaped",), None),
}
"""By the name that `bench peers --purpose` takes; the first is the usual one."""


@dataclass(frozen=True)
class PeerOptions:
    """What to time, and how.

    Attributes:
        purpose: of the networks.
        models: ONNX files of the user.
        threads: numbers of threads; empty for the host's usual ones.
        protocol: of timing.

    Raises:
        ConfigError: two models that a report could not tell apart.
    """

    purpose: Purpose
    models: tuple[Path, ...]
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
        ConfigError: a number of threads that this machine cannot pin.
        MissingDependencyError: a runtime is not installed.
    """
    host = Host()
    if options.threads:
        host.check_threads(options.threads)  # before minutes of exporting
    models = [model_subject(path) for path in options.models]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = random_subjects(options.purpose.variants, TARGETS, folder, progress)
        subjects = [*ours, *peer_subjects(options.purpose, folder, progress), *models]
        return time_all(host, subjects, options.threads, options.protocol, out, progress)


def peer_subjects(purpose: Purpose, folder: Path, progress: Callable[[str], None]) -> list[Subject]:
    """Every peer of a purpose for every runtime, with random weights.

    Args:
        purpose: of the peers.
        folder: where the artifacts go.
        progress: told of each artifact.
    """
    subjects = []
    for peer in purpose.peers:
        network = random_peer(peer)
        progress(f"{peer}: {cost(network, network.input_specs())}")
        for target, export in EXPORTERS.items():
            path = folder / f"{peer}_{target.name}_{FRESH_PRECISION}{target.suffix}"
            lowered = export(network, path)
            progress(f"exported {path.name} with random weights")
            subjects.append(fresh_subject(path, target.name, peer, lowered, purpose.pipeline))
    return subjects
