"""From weights to a directory of artifacts, each compared with PyTorch before it is listed."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezesam.config import DetectorConfig
from squeezesam.errors import ConfigError, OutputError
from squeezesam.files import PathLike, whole_directory
from squeezesam.network.model import BOTTOM_STRIDE
from squeezesam.progress import step
from squeezesam.runtimes import MANIFEST_NAME
from squeezesam.spec import DETECTOR, NETWORK_KINDS, SEGMENTER
from squeezesam.versions import tool_versions
from squeezesam_export.artifacts import hashes_of, sha256_of, size_of
from squeezesam_export.contract import contract
from squeezesam_export.drawn_vectors import CLICK_SAMPLING, LOOKS, MASK_CLEANING, write_vectors
from squeezesam_export.golden import GoldenAnswer, write_golden
from squeezesam_export.golden_reading import read_answers
from squeezesam_export.manifest import (
    MAX_SIZE,
    SCHEMA_VERSION,
    Artifact,
    Detector,
    Manifest,
    write_manifest,
)
from squeezesam_export.networks import Exported, load_saliency_detector, load_segmenter
from squeezesam_export.parity import measure
from squeezesam_export.provenance import git_commit, utc_date
from squeezesam_export.quantization.blocks import check_blocks, with_blocks_of
from squeezesam_export.quantization.calibration import NO_CALIBRATION, SHIPPED_PHOTOS, calibrate
from squeezesam_export.quantization.schemes import Quantized, StaticInt8
from squeezesam_export.salient_contract import salient_contract
from squeezesam_export.target import Job, Target
from squeezesam_export.targets import plan
from squeezesam_export.verification import broken_bound


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        targets: names of export targets.
        precisions: names of schemes; each target is exported in each.
        calibration: folder of photos to see the ranges of int8 activations on; None for those that
            are shipped.
        keep_float: blocks that stay in float where a scheme quantizes; empty for the scheme's.
        variant: of the network; None for that of the weights, or the default.
        weights: None for those that are shipped.
        size: side of the segmenter's square input in pixels, a multiple of 32.
        detector_size: side of the detector's, a multiple of 64.
        detector: weights of the salient-object detector; None for those that are shipped.
        with_detector: whether it is exported too.
    """

    targets: tuple[str, ...]
    precisions: tuple[str, ...]
    calibration: Path | None = None
    keep_float: tuple[str, ...] = ()
    variant: str | None = None
    weights: Path | None = None
    size: int = SEGMENTER.size
    detector_size: int = DETECTOR.size
    detector: Path | None = None
    with_detector: bool = True

    def __post_init__(self) -> None:
        for name, size, stride in (
            ("size", self.size, BOTTOM_STRIDE),
            ("detector size", self.detector_size, DetectorConfig.bottom_stride),
        ):
            if not 0 < size <= MAX_SIZE or size % stride:
                raise ConfigError(f"{name} {size} must be a multiple of {stride} up to {MAX_SIZE}")

    @property
    def command(self) -> str:
        """The command line that exports the same."""
        words = ["squeezesam", "export"]
        words += ["--target", ",".join(self.targets), "--precision", ",".join(self.precisions)]
        words += ["--calibration", str(self.calibration)] if self.calibration else []
        words += ["--keep-float", ",".join(self.keep_float)] if self.keep_float else []
        words += ["--variant", self.variant] if self.variant else []
        words += ["--weights", str(self.weights)] if self.weights else []
        words += ["--detector", str(self.detector)] if self.detector else []
        words += ["--size", str(self.size)]
        detector = ["--detector-size", str(self.detector_size)]
        return shlex.join([*words, *(detector if self.with_detector else ["--no-detector"])])


def export(options: ExportOptions, out: PathLike, progress: Callable[[str], None]) -> None:
    """Write an export directory, whole or not at all; an earlier export is replaced.

    Args:
        options: what to export.
        out: the directory.
        progress: takes a line for each step that is done.

    Raises:
        ConfigError: unknown target, precision, block or variant, or a pair that does not exist.
        DataError, ImageError: the calibration photos are too few, or one of them is of no use.
        WeightsError: the weights are missing, damaged or of another variant.
        MissingDependencyError: the packages of a target are not installed.
        OutputError: the place cannot be written to, or holds something else than an export.
        VerificationError: an artifact answers NaN or infinity.
    """
    out = Path(out)
    combinations = plan(options.targets, options.precisions, options.keep_float)
    schemes = [scheme for _, scheme in combinations]
    calibrated = any(isinstance(scheme, StaticInt8) for scheme in schemes)
    if options.calibration and not calibrated:
        raise ConfigError("--calibration is for int8; leave it out, or export --precision int8")
    if options.keep_float and not any(isinstance(scheme, Quantized) for scheme in schemes):
        raise ConfigError("--keep-float is for int8; leave it out, or export --precision int8")
    check_replaceable(out)
    with whole_directory(out) as directory:
        segmenter = load_segmenter(options.weights, options.variant, options.size)
        detector = None
        if options.with_detector:
            detector = load_saliency_detector(options.detector, options.detector_size)
        networks = [segmenter] if detector is None else [segmenter, detector]
        check_blocks(options.keep_float, [network.model for network in networks])
        calibration = NO_CALIBRATION
        if calibrated:
            folder = options.calibration or SHIPPED_PHOTOS
            with step(f"seeing the ranges of activations on the photos of {folder}"):
                detector_size = options.detector_size if options.with_detector else None
                calibration = calibrate(segmenter.model, folder, options.size, detector_size)
        finder = None if detector is None else detector.model
        with step("answering the golden cases with PyTorch"):
            golden = write_golden(
                segmenter.model, finder, options.size, options.detector_size, directory
            )
        manifest = Manifest(
            schema_version=SCHEMA_VERSION,
            variant=segmenter.variant,
            weights_sha256=segmenter.weights_sha256,
            contract=contract(options.size),
            artifacts=(),
            mask_vectors=write_vectors(MASK_CLEANING, directory),
            look_vectors=write_vectors(LOOKS, directory),
            detector=None
            if detector is None
            else describe_detector(detector, options.detector_size, directory),
            golden=golden,
            calibration_photos=calibration.photos,
            tool_versions=tool_versions(),
            git_commit=git_commit(),
            created=utc_date(),
            command=options.command,
        )
        artifacts: dict[str, list[Artifact]] = {one.name: [] for one in NETWORK_KINDS}
        answers = {one.name: read_answers(directory, manifest, one) for one in NETWORK_KINDS}
        steps = [(network, *combination) for network in networks for combination in combinations]
        for number, (network, target, scheme) in enumerate(steps, start=1):
            started = time.perf_counter()
            path = directory / f"{network.variant}_{target.name}_{scheme.name}{target.suffix}"
            kind = network.kind
            job = Job(
                network.model,
                options.size if network.kind is SEGMENTER else options.detector_size,
                with_blocks_of(scheme, network.model),
                calibration.inputs_of(kind),
                kind,
            )
            done = f"[{number}/{len(steps)}]"
            with step(f"{done} exporting {path.name} and comparing it with PyTorch"):
                artifact = export_artifact(target, job, path, answers[kind.name])
            artifacts[kind.name].append(artifact)
            seconds = time.perf_counter() - started
            progress(f"{done} {path.name}: {describe(artifact)} ({seconds:.0f} s)")
        write_manifest(manifest.listing(artifacts), directory)


def describe_detector(network: Exported, size: int, directory: Path) -> Detector:
    """What the manifest says of it before its artifacts; writes the drawn vectors of clicks."""
    return Detector(
        variant=network.variant,
        weights_sha256=network.weights_sha256,
        contract=salient_contract(size),
        artifacts=(),
        click_vectors=write_vectors(CLICK_SAMPLING, directory),
    )


def check_replaceable(out: Path) -> None:
    """Refuse to replace a directory that is not an earlier export.

    Raises:
        OutputError: it holds something else.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST_NAME).is_file():
        raise OutputError(f"{out} holds something else than an export; name another directory")


def export_artifact(
    target: Target, job: Job, path: Path, answers: Sequence[GoldenAnswer]
) -> Artifact:
    """Write one artifact and run the golden cases on it."""
    lowered = target.export(job, path)
    scheme = job.scheme
    return Artifact(
        file=path.name,
        target=target.name,
        precision=scheme.name,
        keep_float=scheme.keep_float if isinstance(scheme, Quantized) else (),
        requirement=lowered.requirement,
        sha256=sha256_of(path),
        files=hashes_of(path),
        size_bytes=size_of(path),
        io_dtypes=lowered.io_dtypes,
        delegated_ops=lowered.delegated,
        ops_outside_delegate=lowered.outside,
        measured_with=target.runs_on,
        parity=measure(target.loader(path), answers).parity,
    )


def describe(artifact: Artifact) -> str:
    """Size, delegation and parity in a few words."""
    words = [f"{artifact.size_bytes / 1e6:.1f} MB"]
    if artifact.ops_outside_delegate is not None:
        words.append(f"{len(artifact.ops_outside_delegate)} ops outside the delegate")
    parity = artifact.parity
    words.append(f"mask IoU {parity.mean_mask_iou:.4f} to PyTorch in {artifact.measured_with}")
    words.append(f"{parity.min_mask_iou:.4f} at worst")
    if parity.max_click_distance is not None:
        words.append(f"clicks up to {parity.max_click_distance:.1f} pixels of the heat map off")
    broken = broken_bound(parity, artifact.precision)
    words += [f"WARNING: {broken}; verify will fail"] if broken else []
    return ", ".join(words)
