"""What to time: the artifacts of an export directory, or fresh ones with random weights."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from squeezesam.counting import macs_by_operator, parameters
from squeezesam.errors import ArtifactError
from squeezesam.network.build import build_network
from squeezesam.network.folding import folded
from squeezesam.runtimes import MANIFEST_NAME, input_side
from squeezesam.spec import DETECTOR, SEGMENTER, TensorSpec
from squeezesam.weights import known_config, network_kind
from squeezesam_benchmarks.pipelines import SQUEEZESAM
from squeezesam_benchmarks.places import Place, Subject
from squeezesam_benchmarks.schema import Artifact, ManifestReference
from squeezesam_export.artifacts import artifact_path, sha256_of, size_of
from squeezesam_export.manifest import Artifact as Exported
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
    """All artifacts of an export directory in the order of its manifest, the detector's last.

    Raises:
        ArtifactError: no manifest, or an altered artifact.
    """
    manifest = read_manifest(directory)
    digest = sha256_of(directory / MANIFEST_NAME)
    size, detector = manifest.size_of(SEGMENTER), manifest.detector
    reference = ManifestReference(digest, manifest.weights_sha256)
    subjects = [
        exported_subject(directory, one, manifest.variant, reference, size)
        for one in manifest.artifacts
    ]
    if detector is not None:
        reference = ManifestReference(digest, detector.weights_sha256)
        subjects += [
            dataclasses.replace(
                exported_subject(
                    directory, one, detector.variant, reference, manifest.size_of(DETECTOR)
                ),
                pipeline=None,
                kind=DETECTOR,
            )
            for one in detector.artifacts
        ]
    return subjects


def exported_subject(
    directory: Path, artifact: Exported, variant: str, reference: ManifestReference, size: int
) -> Subject:
    """An artifact of the promptable network as its manifest describes it.

    Raises:
        ArtifactError: it was altered.
    """
    outside = artifact.ops_outside_delegate
    described = Artifact(
        name=artifact.file,
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        variant=variant,
        precision=artifact.precision,
        ops_outside_delegate=None if outside is None else dict(Counter(outside)),
        manifest=reference,
    )
    path = artifact_path(directory, artifact)
    io_dtypes = tuple(artifact.io_dtypes.items())
    return Subject(path, artifact.target, described, SQUEEZESAM, io_dtypes, size)


def random_subjects(
    variants: Sequence[str],
    targets: Sequence[str],
    folder: Path,
    progress: Callable[[str], None],
    size: int | None = None,
) -> list[Subject]:
    """Artifacts in fp32 with random weights, on which latency does not depend.

    Args:
        variants: names in `squeezesam.config.VARIANTS` or `DETECTORS`; of detectors only the
            network is timed.
        targets: names in `squeezesam_export.targets.TARGETS`.
        folder: where the artifacts go.
        progress: told of each artifact.
        size: side of the square input in pixels; by default that of the kind of network.
    """
    subjects = []
    for variant in variants:
        job = random_job(variant, size)
        pipeline = SQUEEZESAM if job.kind is SEGMENTER else None
        progress(f"{variant}: {cost(job.model, job.inputs)}")
        for target in map(find_target, targets):
            path = folder / f"{variant}_{target.name}_{FRESH_PRECISION}{target.suffix}"
            lowered = target.export(job, path)
            progress(f"exported {path.name} with random weights")
            fresh = fresh_subject(path, target.name, variant, lowered, pipeline, job.size)
            subjects.append(dataclasses.replace(fresh, kind=job.kind))
    return subjects


def random_job(variant: str, size: int | None = None) -> Job:
    """The job of exporting a variant or detector with random weights in FRESH_PRECISION.

    Raises:
        ConfigError: unknown, or a size that does not fit it.
    """
    torch.manual_seed(0)
    model = folded(build_network(known_config(variant), size))
    kind = network_kind(variant)
    side = input_side(model, size, kind)
    return Job(model, side, SCHEMES[FRESH_PRECISION], kind=kind)


def cost(network: nn.Module, inputs: Sequence[TensorSpec]) -> str:
    """Parameters and multiply-accumulates of one inference in a few words."""
    count = sum(macs_by_operator(network, [spec.shape for spec in inputs]).values())
    return f"{parameters(network) / 1e6:.2f} M parameters, {count / 1e9:.2f} GMAC"


def fresh_subject(
    path: Path,
    target: str,
    variant: str,
    lowered: Lowered,
    pipeline: str | None,
    input_size: int | None = None,
) -> Subject:
    """An artifact that was just exported in FRESH_PRECISION, without a manifest."""
    outside = None if lowered.outside is None else dict(Counter(lowered.outside))
    described = Artifact(
        path.name, sha256_of(path), size_of(path), variant, FRESH_PRECISION, outside
    )
    io_dtypes = tuple(lowered.io_dtypes.items())
    return Subject(path, target, described, pipeline, io_dtypes, input_size)
