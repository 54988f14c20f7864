"""What to time: the artifacts of an export directory, or fresh ones with random weights."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from squeezesam.config import variant_config
from squeezesam.errors import ArtifactError
from squeezesam.network.build import build_network
from squeezesam.network.folding import folded
from squeezesam.runtimes import MANIFEST_NAME
from squeezesam.spec import INPUT_SIZE
from squeezesam_benchmarks.pipelines import SQUEEZESAM
from squeezesam_benchmarks.places import Place, Subject
from squeezesam_benchmarks.schema import Artifact, ManifestReference
from squeezesam_export.artifacts import checked_path, sha256_of, size_of
from squeezesam_export.manifest import read_manifest
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.target import Job, Lowered
from squeezesam_export.targets import find_target

FRESH_PRECISION = "fp32"


def exported_subjects(directory: Path, place: Place) -> list[Subject]:
    """The artifacts of an export directory that run in a place.

    Raises:
        ArtifactError: no manifest, an altered artifact, or none that runs there.
    """
    subjects = [one for one in listed_subjects(directory) if place.takes(one)]
    if not subjects:
        raise ArtifactError(f"nothing in {directory} runs there; export another target")
    return subjects


def listed_subjects(directory: Path) -> list[Subject]:
    """All artifacts of an export directory, in the order of its manifest.

    Raises:
        ArtifactError: no manifest, or an altered artifact.
    """
    manifest = read_manifest(directory)
    reference = ManifestReference(sha256_of(directory / MANIFEST_NAME), manifest.weights_sha256)
    subjects = []
    for artifact in manifest.artifacts:
        outside = artifact.ops_outside_delegate
        described = Artifact(
            name=artifact.file,
            sha256=artifact.sha256,
            size_bytes=artifact.size_bytes,
            variant=manifest.variant,
            precision=artifact.precision,
            ops_outside_delegate=None if outside is None else dict(Counter(outside)),
            manifest=reference,
        )
        path = checked_path(directory, artifact.file, artifact.sha256)
        io_dtypes = tuple(artifact.io_dtypes.items())
        size = manifest.contract.input_size
        subjects.append(Subject(path, artifact.target, described, SQUEEZESAM, io_dtypes, size))
    return subjects


def random_subjects(
    variants: Sequence[str],
    targets: Sequence[str],
    folder: Path,
    progress: Callable[[str], None],
    size: int = INPUT_SIZE,
) -> list[Subject]:
    """Artifacts in fp32 with random weights, on which latency does not depend.

    Args:
        variants: names in `squeezesam.config.VARIANTS`.
        targets: names in `squeezesam_export.targets.TARGETS`.
        folder: where the artifacts go.
        progress: told of each artifact.
        size: side of the square input.
    """
    scheme = SCHEMES[FRESH_PRECISION]
    subjects = []
    for variant in variants:
        torch.manual_seed(0)
        network = folded(build_network(variant_config(variant), size))
        for target in map(find_target, targets):
            path = folder / f"{variant}_{target.name}_{scheme.name}{target.suffix}"
            lowered = target.export(Job(network, size, scheme), path)
            progress(f"exported {path.name} with random weights")
            subjects.append(fresh_subject(path, target.name, variant, lowered, SQUEEZESAM, size))
    return subjects


def fresh_subject(
    path: Path,
    target: str,
    variant: str,
    lowered: Lowered,
    pipeline: str,
    input_size: int | None = None,
) -> Subject:
    """An artifact that was just exported in FRESH_PRECISION, without a manifest."""
    outside = None if lowered.outside is None else dict(Counter(lowered.outside))
    described = Artifact(
        path.name, sha256_of(path), size_of(path), variant, FRESH_PRECISION, outside
    )
    io_dtypes = tuple(lowered.io_dtypes.items())
    return Subject(path, target, described, pipeline, io_dtypes, input_size)
