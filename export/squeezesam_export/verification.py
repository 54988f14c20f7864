"""Comparing artifacts, run by their own runtimes, with PyTorch's golden answers."""

import dataclasses
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from squeezesam.errors import VerificationError
from squeezesam.runtimes import REFERENCE_INTERPRETER, InterpretedNetwork, NetworkCallable
from squeezesam.spec import MASK_THRESHOLD
from squeezesam_export.artifacts import check_files, checked_path
from squeezesam_export.golden import Answered, read_golden
from squeezesam_export.manifest import Artifact, Parity, read_manifest
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.targets import TARGETS

PASSED = "ok"


@dataclass(frozen=True)
class Measurement:
    """What running the golden cases showed.

    Attributes:
        parity: of the answers.
        median_ms: on this machine with default threads; None where an interpreter ran, whose time
            says nothing.
    """

    parity: Parity
    median_ms: float | None


@dataclass(frozen=True)
class Verdict:
    """Outcome for one artifact in one runtime.

    Attributes:
        artifact: as the manifest describes it.
        runs_on: what ran it.
        measurement: None where its answers are not comparable.
        broken: the bound that it breaks, in words; None when it breaks none.
    """

    artifact: Artifact
    runs_on: str
    measurement: Measurement | None
    broken: str | None = None

    @property
    def text(self) -> str:
        """For the table."""
        return f"BROKEN: {self.broken}" if self.broken else PASSED


def verify(directory: Path, compare: bool = False) -> Iterator[Verdict]:
    """Check all files of an export directory, then judge its artifacts one by one.

    Args:
        directory: what `squeezesam export` wrote.
        compare: also run the reference interpreter where an artifact's own runtime is here, and
            compare the runtime with the interpreter instead of with PyTorch.

    Raises:
        ArtifactError: the manifest or a file is missing, damaged or altered.
        MissingDependencyError: the runtime of an artifact is not installed.
    """
    manifest = read_manifest(directory)
    check_files(directory, manifest)
    answers = read_golden(directory, manifest)
    for artifact in manifest.artifacts:
        target = TARGETS[artifact.target]
        path = checked_path(directory, artifact.file, artifact.sha256)
        network = target.loader(path)
        yield judge(artifact, target.runs_on, network, answers)
        if compare and target.load and target.interpret:
            interpreted = target.interpret(path)
            yield judge(artifact, REFERENCE_INTERPRETER, interpreted, answers)
            yield judge(
                artifact,
                f"{target.runtime} against {REFERENCE_INTERPRETER}",
                network,
                [answered_by(interpreted, answer) for answer in answers],
            )


def judge(
    artifact: Artifact,
    runs_on: str,
    network: NetworkCallable,
    answers: Sequence[Answered],
) -> Verdict:
    """Run the golden cases and hold them to the bounds of the artifact's scheme."""
    try:
        measurement = measure(network, answers)
    except VerificationError as error:
        return Verdict(artifact, runs_on, None, str(error))
    broken = broken_bound(measurement.parity, artifact.precision)
    return Verdict(artifact, runs_on, measurement, broken)


def answered_by(network: NetworkCallable, answer: Answered) -> Answered:
    """A golden case with the answers of another network than PyTorch's."""
    low_res_masks, iou_predictions = network(*answer.inputs)
    return dataclasses.replace(answer, low_res_masks=low_res_masks, iou_predictions=iou_predictions)


def broken_bound(parity: Parity, precision: str) -> str | None:
    """The bound of a scheme that an artifact breaks, in words; None when it breaks none."""
    scheme = SCHEMES[precision]
    for name, value, bound in (
        ("smallest mask IoU", parity.min_mask_iou, scheme.min_mask_iou),
        ("mean mask IoU", parity.mean_mask_iou, scheme.mean_mask_iou),
    ):
        if value < bound:
            return f"{name} {value:.4f} is below {bound}"
    if parity.max_iou_error > scheme.max_iou_error:
        return f"a predicted IoU is off by {parity.max_iou_error:.4f}, over {scheme.max_iou_error}"
    return None


def measure(network: NetworkCallable, answers: Sequence[Answered]) -> Measurement:
    """Run every golden case once, after one run to warm up.

    Raises:
        VerificationError: an answer has another shape than PyTorch's, or is not finite.
    """
    network(*answers[0].inputs)
    milliseconds: list[float] = []
    ious: list[float] = []
    mask_error, iou_error, signal, noise = 0.0, 0.0, 0.0, 0.0
    for answer in answers:
        started = time.perf_counter()
        masks, iou_predictions = network(*answer.inputs)
        milliseconds.append((time.perf_counter() - started) * 1e3)
        check_answer(answer.name, masks, answer.low_res_masks)
        check_answer(answer.name, iou_predictions, answer.iou_predictions)
        error = (masks - answer.low_res_masks).double()
        mask_error = max(mask_error, error.abs().max().item())
        noise += error.square().sum().item()
        signal += answer.low_res_masks.double().square().sum().item()
        iou_error = max(iou_error, (iou_predictions - answer.iou_predictions).abs().max().item())
        ious += mask_ious(masks, answer.low_res_masks).flatten().tolist()
    return Measurement(
        Parity(
            max_mask_error=mask_error,
            mask_sqnr_db=10 * math.log10(signal / noise) if signal and noise else None,
            min_mask_iou=min(ious),
            mean_mask_iou=statistics.mean(ious),
            max_iou_error=iou_error,
        ),
        None if isinstance(network, InterpretedNetwork) else statistics.median(milliseconds),
    )


def check_answer(case: str, given: Tensor, wanted: Tensor) -> None:
    """See that an answer can be compared at all.

    Raises:
        VerificationError: it cannot.
    """
    if given.shape != wanted.shape:
        raise VerificationError(
            f"{case}: answers shape {tuple(given.shape)}, not {tuple(wanted.shape)}"
        )
    if not given.isfinite().all():
        raise VerificationError(f"{case}: answers NaN or infinity")


def mask_ious(logits: Tensor, wanted: Tensor) -> Tensor:
    """IoU of each mask at the threshold, 1 where both are empty: [B, M, H, W] -> [B, M]."""
    masks, wanted_masks = logits > MASK_THRESHOLD, wanted > MASK_THRESHOLD
    union = (masks | wanted_masks).sum(dim=(2, 3))
    intersection = (masks & wanted_masks).sum(dim=(2, 3))
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0)
