"""How close the answers of an artifact, or of two that work together, are to the golden ones."""

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from squeezesam.errors import ArtifactError, VerificationError
from squeezesam.runtimes import LoadedNetwork, Run
from squeezesam.spec import IMAGE, MASK_THRESHOLD
from squeezesam.transforms import Letterbox
from squeezesam_export.golden_case import GoldenCase
from squeezesam_export.kinds.recipe import KindRecipe
from squeezesam_export.manifest import Parity
from squeezesam_export.quantization.schemes import Scheme


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


def measure(
    recipe: KindRecipe, run: Run, cases: Sequence[GoldenCase], *, timed: bool = True
) -> Measurement:
    """Run every golden case once, after one run to warm up.

    Args:
        recipe: of the kind of network.
        run: the network.
        cases: with the answers that are wanted.
        timed: whether the time that a run takes says anything.

    Raises:
        VerificationError: an answer has another shape than PyTorch's, or is not finite.
    """
    run(cases[0].inputs)
    milliseconds: list[float] = []
    ious: list[float] = []
    first_ious: list[float] = []
    figures: dict[str, list[float]] = {measure.name: [] for measure in recipe.measures}
    mask_error, signal, noise = 0.0, 0.0, 0.0
    for case in cases:
        started = time.perf_counter()
        outputs = run(case.inputs)
        milliseconds.append((time.perf_counter() - started) * 1e3)
        for output, wanted in zip(outputs, case.outputs, strict=True):
            check_answer(case.name, output, wanted)
        logits, wanted_logits = outputs[0], case.outputs[0]
        error = (logits - wanted_logits).double()
        mask_error = max(mask_error, error.abs().max().item())
        noise += error.square().sum().item()
        signal += wanted_logits.double().square().sum().item()
        overlap = overlaps(recipe.masks(case, outputs), recipe.masks(case, case.outputs))
        ious += overlap.flatten().tolist()
        first_ious += overlap[:, 0].tolist()
        for measure in recipe.measures:
            figures[measure.name].append(measure.of(case, outputs))
    return Measurement(
        Parity(
            max_mask_error=mask_error,
            mask_sqnr_db=10 * math.log10(signal / noise) if signal and noise else None,
            min_mask_iou=min(first_ious),
            mean_mask_iou=statistics.mean(ious),
            measures={name: max(values) for name, values in figures.items()},
        ),
        statistics.median(milliseconds) if timed else None,
    )


def broken_bound(recipe: KindRecipe, parity: Parity, scheme: Scheme) -> str | None:
    """The bound of a scheme that an artifact breaks, in words; None when it breaks none."""
    for name, value, bound in (
        ("smallest mask IoU", parity.min_mask_iou, scheme.min_mask_iou),
        ("mean mask IoU", parity.mean_mask_iou, scheme.mean_mask_iou),
    ):
        if value < bound:
            return f"{name} {value:.4f} is below {bound}"
    for measure in recipe.measures:
        value, bound = parity.measures[measure.name], measure.bound(scheme)
        if value > bound:
            return measure.broken.format(value, bound)
    return None


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
    """IoU of each mask at the threshold, as `overlaps`: [B, M, H, W] -> [B, M]."""
    return overlaps(logits > MASK_THRESHOLD, wanted > MASK_THRESHOLD)


def overlaps(masks: Tensor, wanted: Tensor) -> Tensor:
    """IoU of each mask, 1 where both are empty: bool [B, M, H, W] -> [B, M]."""
    union = (masks | wanted).sum(dim=(2, 3))
    intersection = (masks & wanted).sum(dim=(2, 3))
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0)


def check_prompted(
    recipe: KindRecipe, found: Sequence[GoldenCase], prompted: Sequence[GoldenCase], size: int
) -> None:
    """Check that golden cases ask for what the golden answers of another network show.

    Args:
        recipe: of the network that finds.
        found: its golden cases.
        prompted: those of the network that is asked.
        size: side of the square input of that network in pixels.

    Raises:
        ArtifactError: this version finds something else.
    """
    records = {case.photo: case.record for case in prompted}
    for case in found:
        photo = Letterbox.fit(case.letterbox.width, case.letterbox.height, size)
        prompt = recipe.prompt(case, case.outputs, photo)
        if records.get(case.photo) != (prompt and prompt[0]):
            raise ArtifactError(
                f"{case.photo}: this version finds other {recipe.finds}; export again"
            )


def end_to_end_iou(
    recipe: KindRecipe,
    network: LoadedNetwork,
    asked: KindRecipe,
    partner: LoadedNetwork,
    found: Sequence[GoldenCase],
    prompted: Sequence[GoldenCase],
) -> float:
    """Smallest IoU of a pair's masks with PyTorch's, over the golden photos.

    Args:
        recipe: of the network that finds.
        network: that finds.
        asked: recipe of the network that is asked for it.
        partner: that is asked, in the same target and scheme.
        found: golden cases of the network that finds.
        prompted: those of its partner, with PyTorch's masks.
    """
    wanted = {case.photo: case for case in prompted}
    return min(
        photo_iou(recipe, network, asked, partner, case, wanted.get(case.photo)) for case in found
    )


def photo_iou(
    recipe: KindRecipe,
    network: LoadedNetwork,
    asked: KindRecipe,
    partner: LoadedNetwork,
    case: GoldenCase,
    wanted: GoldenCase | None,
) -> float:
    """IoU of one mask with PyTorch's; no mask only resembles no mask."""
    photo = Letterbox.fit(case.letterbox.width, case.letterbox.height, partner.size)
    prompt = recipe.prompt(case, network.run(case.inputs), photo)
    if prompt is None or wanted is None:
        return float(prompt is None and wanted is None)
    outputs = partner.run(asked.prompted_inputs(wanted.tensors[IMAGE], photo, *prompt))
    masks = (asked.masks(wanted, one)[:, :1] for one in (outputs, wanted.outputs))
    return overlaps(*masks).item()
