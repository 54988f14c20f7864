"""Comparing artifacts, run by their own runtimes, with PyTorch's golden answers."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import VerificationError
from squeezesam.files import PathLike
from squeezesam.progress import step
from squeezesam.runtimes import REFERENCE_INTERPRETER, LoadedNetwork
from squeezesam.spec import DETECTOR, SEGMENTER
from squeezesam_export.artifacts import artifact_path, check_files
from squeezesam_export.automatic import automatic_iou
from squeezesam_export.drawn_vectors import check_vectors
from squeezesam_export.golden import GoldenAnswer
from squeezesam_export.golden_reading import read_automatic, read_detected, read_golden
from squeezesam_export.manifest import Artifact, Parity, read_manifest
from squeezesam_export.parity import Measurement, measure
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.targets import TARGETS

PASSED = "ok"


@dataclass(frozen=True)
class Verdict:
    """Outcome for one artifact in one runtime.

    Attributes:
        artifact: as the manifest describes it.
        runs_on: what ran it.
        measurement: None where its answers are not comparable.
        broken: the bound that it breaks, in words; None when it breaks none.
        network: name of its kind.
        automatic_iou: of a detector beside a segmenter of its target and scheme, the smallest IoU
            of their masks without any click with PyTorch's.
    """

    artifact: Artifact
    runs_on: str
    measurement: Measurement | None
    broken: str | None = None
    network: str = SEGMENTER.name
    automatic_iou: float | None = None

    @property
    def text(self) -> str:
        """For the table."""
        return f"BROKEN: {self.broken}" if self.broken else PASSED


def verify(directory: PathLike, compare: bool = False) -> Iterator[Verdict]:
    """Check all files of an export directory, then judge its artifacts one by one.

    Args:
        directory: what `squeezesam export` wrote.
        compare: also run the reference interpreter where an artifact's own runtime is here, and
            compare the runtime with the interpreter instead of with PyTorch.

    Raises:
        ArtifactError: the manifest or a file is missing, damaged or altered.
        MissingDependencyError: the runtime of an artifact is not installed.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    with step("checking the hashes of all files"):
        check_files(directory, manifest)
    prompted, detected = read_golden(directory, manifest), read_detected(directory, manifest)
    masks = read_automatic(directory, manifest)
    check_vectors(directory, manifest)
    for artifact in manifest.artifacts:
        yield from verify_artifact(directory, artifact, prompted, compare)
    for artifact in manifest.artifacts_of(DETECTOR):
        first, *others = verify_artifact(directory, artifact, detected, compare)
        if first.measurement is not None:
            with step(f"cutting out without a click by {artifact.file}"):
                iou = automatic_iou(directory, manifest, artifact, detected, masks)
            first = with_automatic_iou(first, iou)
        yield first
        yield from others


def with_automatic_iou(verdict: Verdict, iou: float | None) -> Verdict:
    """The verdict on a detector, held to the bound of its scheme for the automatic masks too."""
    broken, bound = verdict.broken, SCHEMES[verdict.artifact.precision].min_mask_iou
    if broken is None and iou is not None and iou < bound:
        broken = f"IoU of an automatic mask {iou:.4f} is below {bound}"
    return dataclasses.replace(verdict, automatic_iou=iou, broken=broken)


def verify_artifact(
    directory: Path,
    artifact: Artifact,
    answers: Sequence[GoldenAnswer],
    compare: bool,
) -> Iterator[Verdict]:
    """One verdict on an artifact, or with `compare` as many as there are comparisons."""
    target = TARGETS[artifact.target]
    path = artifact_path(directory, artifact)
    with step(f"running {path.name}"):
        network = target.loader(path)
        verdict = judge(artifact, target.runs_on, network, answers)
    yield verdict
    if compare and target.load and target.interpret:
        interpreted = target.interpret(path)
        yield judge(artifact, REFERENCE_INTERPRETER, interpreted, answers)
        yield judge(
            artifact,
            f"{target.runtime} against {REFERENCE_INTERPRETER}",
            network,
            [answer.answered(interpreted.run(answer.inputs)) for answer in answers],
        )


def judge(
    artifact: Artifact,
    runs_on: str,
    network: LoadedNetwork,
    answers: Sequence[GoldenAnswer],
) -> Verdict:
    """Run the golden cases and hold them to the bounds of the artifact's scheme."""
    kind = network.kind.name
    try:
        measurement = measure(network, answers)
    except VerificationError as error:
        return Verdict(artifact, runs_on, None, str(error), kind)
    broken = broken_bound(measurement.parity, artifact.precision)
    return Verdict(artifact, runs_on, measurement, broken, kind)


def broken_bound(parity: Parity, precision: str) -> str | None:
    """The bound of a scheme that an artifact breaks, in words; None when it breaks none."""
    scheme = SCHEMES[precision]
    for name, value, bound in (
        ("smallest mask IoU", parity.min_mask_iou, scheme.min_mask_iou),
        ("mean mask IoU", parity.mean_mask_iou, scheme.mean_mask_iou),
    ):
        if value < bound:
            return f"{name} {value:.4f} is below {bound}"
    if parity.max_iou_error is not None and parity.max_iou_error > scheme.max_iou_error:
        return f"a predicted IoU is off by {parity.max_iou_error:.4f}, over {scheme.max_iou_error}"
    distance, furthest = parity.max_click_distance, scheme.max_click_distance
    if distance is not None and distance > furthest:
        return f"a click is {distance:.1f} pixels of the heat map off, over {furthest:g}"
    return None
