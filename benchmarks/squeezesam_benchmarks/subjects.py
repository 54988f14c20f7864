"""What to time: the artifacts of an export directory, or fresh ones with random weights."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from squeezesam.errors import ArtifactError
from squeezesam.inference.load import MANIFEST_NAME, input_side
from squeezesam.networks.building import build_network, folded
from squeezesam.networks.overview import macs_by_operator, parameters
from squeezesam.networks.weights import known_config, network_kind
from squeezesam.spec import SEGMENTER, NetworkKind, TensorSpec
from squeezesam_benchmarks.devices import BenchmarkArtifact, Device
from squeezesam_benchmarks.pipelines import pipeline_of
from squeezesam_benchmarks.results.records import ManifestReference, TimedFile
from squeezesam_export.bundle.artifacts import artifact_paths, sha256_of, size_of
from squeezesam_export.bundle.manifest import Artifact, BundleNetwork, read_manifest
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.targets.table import find_target
from squeezesam_export.targets.target import ExportJob, LoweringReport

FRESH_PRECISION = "fp32"


def exported_subjects(directory: Path, device: Device) -> list[BenchmarkArtifact]:
    """The artifacts of an export directory that run in a device.

    Raises:
        ArtifactError: no manifest, an altered artifact, or none that runs there.
    """
    subjects = [one for one in listed_subjects(directory) if device.takes(one)]
    if not subjects:
        raise ArtifactError(f"nothing in {directory} runs there; export another target")
    return subjects


def listed_subjects(directory: Path) -> list[BenchmarkArtifact]:
    """All files of artifacts in an export directory in the order of its manifest.

    Raises:
        ArtifactError: no manifest, or an altered artifact.
    """
    manifest = read_manifest(directory)
    digest = sha256_of(directory / MANIFEST_NAME)
    return [
        subject
        for network in manifest.networks
        for artifact in network.artifacts
        for subject in exported_files(directory, network, artifact, digest)
    ]


def exported_files(
    directory: Path, network: BundleNetwork, artifact: Artifact, digest: str
) -> list[BenchmarkArtifact]:
    """The files of an artifact as its manifest describes them, one for each graph.

    Args:
        directory: of the export.
        network: that the artifact holds.
        artifact: of the export.
        digest: SHA-256 of the manifest.

    Raises:
        ArtifactError: a file was altered.
    """
    paths = artifact_paths(directory, artifact)
    subjects = []
    for path, graph, kind in zip(paths, artifact.graphs, network.recipe.kind.graphs, strict=True):
        described = TimedFile(
            name=graph.file,
            sha256=graph.sha256,
            size_bytes=graph.size_bytes,
            variant=network.variant,
            precision=artifact.precision,
            ops_outside_delegate=counted(graph.ops_outside_delegate),
            manifest=ManifestReference(digest, network.weights_sha256),
        )
        io_dtypes, size = tuple(graph.io_dtypes.items()), network.input_size
        subjects.append(
            BenchmarkArtifact(
                path, artifact.target, described, pipeline_of(kind), io_dtypes, size, kind=kind
            )
        )
    return subjects


def counted(names: Sequence[str] | None) -> dict[str, int] | None:
    """How often each operator is outside the delegate; None where the format has none."""
    return None if names is None else dict(Counter(names))


def random_subjects(
    variants: Sequence[str],
    targets: Sequence[str],
    folder: Path,
    progress: Callable[[str], None],
    size: int | None = None,
) -> list[BenchmarkArtifact]:
    """Artifacts in fp32 with random weights, on which latency does not depend.

    Args:
        variants: names in `squeezesam.networks.configs.VARIANTS` or `DETECTORS`; of detectors only
            the network is timed.
        targets: names in `squeezesam_export.targets.table.TARGETS`.
        folder: where the artifacts go.
        progress: told of each artifact.
        size: side of the square input in pixels; by default that of the kind of network.
    """
    subjects = []
    for variant in variants:
        job = random_job(variant, size)
        progress(f"{variant}: {cost(job.model, job.inputs)}")
        for target in map(find_target, targets):
            path = folder / f"{variant}_{target.name}_{FRESH_PRECISION}{target.suffix}"
            lowered = target.export(job, path)
            progress(f"exported {path.name} with random weights")
            pipeline = pipeline_of(job.kind)
            subjects.append(
                fresh_subject(path, target.name, variant, lowered, pipeline, job.size, job.kind)
            )
    return subjects


def random_job(variant: str, size: int | None = None) -> ExportJob:
    """The job of exporting a variant or detector with random weights in FRESH_PRECISION.

    Raises:
        ConfigError: unknown, or a size that does not fit it.
    """
    torch.manual_seed(0)
    model = folded(build_network(known_config(variant), size))
    kind = network_kind(variant)
    side = input_side(model, size, kind)
    return ExportJob(model, side, SCHEMES[FRESH_PRECISION], kind=kind)


def cost(network: nn.Module, inputs: Sequence[TensorSpec]) -> str:
    """Parameters and multiply-accumulates of one inference in a few words."""
    count = sum(macs_by_operator(network, [spec.shape for spec in inputs]).values())
    return f"{parameters(network) / 1e6:.2f} M parameters, {count / 1e9:.2f} GMAC"


def fresh_subject(
    path: Path,
    target: str,
    variant: str,
    lowered: LoweringReport,
    pipeline: str | None,
    input_size: int | None = None,
    kind: NetworkKind = SEGMENTER,
) -> BenchmarkArtifact:
    """An artifact that was just exported in FRESH_PRECISION, without a manifest."""
    outside = counted(lowered.outside)
    described = TimedFile(
        path.name, sha256_of(path), size_of(path), variant, FRESH_PRECISION, outside
    )
    io_dtypes = tuple(lowered.io_dtypes.items())
    return BenchmarkArtifact(path, target, described, pipeline, io_dtypes, input_size, kind=kind)
