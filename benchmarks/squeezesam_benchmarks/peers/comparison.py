"""Our networks, peers and anybody's ONNX files on the same work, in one interleaved run."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.peers.catalog import PEERS
from squeezesam_benchmarks.peers.exporting import EXPORTERS, SIZE, random_peer
from squeezesam_benchmarks.peers.models import model_subject
from squeezesam_benchmarks.pipelines import SAM
from squeezesam_benchmarks.places import Subject
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.schema import Result
from squeezesam_benchmarks.subjects import FRESH_PRECISION, fresh_subject, random_subjects
from squeezesam_benchmarks.timing import time_all

VARIANTS = ("base", "nano", "reference")
TARGETS = ("onnx", "executorch")


@dataclass(frozen=True)
class PeerOptions:
    """What to time, and how.

    Attributes:
        models: ONNX files of the user.
        threads: numbers of threads; empty for the host's usual ones.
        protocol: of timing.

    Raises:
        ConfigError: two models that a report could not tell apart.
    """

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
        ours = random_subjects(VARIANTS, TARGETS, folder, progress)
        subjects = [*ours, *peer_subjects(folder, progress), *models]
        return time_all(host, subjects, options.threads, options.protocol, out, progress)


def peer_subjects(folder: Path, progress: Callable[[str], None], size: int = SIZE) -> list[Subject]:
    """Every peer for every runtime, with random weights.

    Args:
        folder: where the artifacts go.
        progress: told of each artifact.
        size: side of the square input.
    """
    subjects = []
    for peer in PEERS:
        network = random_peer(peer, size)
        for target, export in EXPORTERS.items():
            path = folder / f"{peer}_{target.name}_{FRESH_PRECISION}{target.suffix}"
            lowered = export(network, path)
            progress(f"exported {path.name} with random weights")
            subjects.append(fresh_subject(path, target.name, peer, lowered, SAM))
    return subjects
