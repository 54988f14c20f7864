"""Reading and changing export directories in tests."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from squeezesam.spec import SEGMENTER, NetworkKind
from squeezesam_export.bundle.artifacts import hashes_of, sha256_of, size_of
from squeezesam_export.bundle.golden import read_golden
from squeezesam_export.bundle.manifest import (
    Artifact,
    BundleNetwork,
    Parity,
    read_manifest,
    write_manifest,
)
from squeezesam_export.bundle.verification import measure
from squeezesam_export.kinds import RECIPES
from squeezesam_export.kinds.golden_case import GoldenCase


def network_in(directory: Path, kind: NetworkKind = SEGMENTER) -> BundleNetwork:
    network = read_manifest(directory).network(kind)
    assert network is not None
    return network


def golden_in(
    directory: Path, kind: NetworkKind = SEGMENTER, prompted_by: str | None = None
) -> list[GoldenCase]:
    return read_golden(directory, network_in(directory, kind), prompted_by)


def parity(network: Callable[..., Any], cases: Sequence[GoldenCase]) -> Parity:
    """That of anything that is called with the inputs one by one."""

    def run(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        answer = network(*inputs)
        return (answer,) if isinstance(answer, Tensor) else tuple(answer)

    return measure(RECIPES[cases[0].kind.name], run, cases).parity


def rewrite_network(directory: Path, kind: NetworkKind = SEGMENTER, **changes: object) -> None:
    """The manifest with another description of one network."""
    manifest, network = read_manifest(directory), network_in(directory, kind)
    changed = dataclasses.replace(network, **changes)  # type: ignore[arg-type]
    networks = tuple(changed if one == network else one for one in manifest.networks)
    write_manifest(dataclasses.replace(manifest, networks=networks), directory)


def with_hash(artifact: Artifact, directory: Path) -> Artifact:
    """An artifact of one file with the hashes and the size that the file has by now."""
    (graph,) = artifact.graphs
    path = directory / graph.file
    forged = dataclasses.replace(
        graph, sha256=sha256_of(path), files=hashes_of(path), size_bytes=size_of(path)
    )
    return dataclasses.replace(artifact, graphs=(forged,))
