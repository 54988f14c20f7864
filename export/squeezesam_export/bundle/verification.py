"""Comparing artifacts, run by their own runtimes, with PyTorch's golden answers."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from squeezesam.errors import ArtifactError, VerificationError
from squeezesam.files import PathLike
from squeezesam.inference.load import REFERENCE_INTERPRETER, InterpretedNetwork, LoadedNetwork, Run
from squeezesam.spec import IMAGE, MASK_THRESHOLD
from squeezesam.terminal import step
from squeezesam_export.bundle.artifacts import (
    Hasher,
    artifact_paths,
    check_files,
    content_sha256,
    load_graphs,
)
from squeezesam_export.bundle.golden import check_vectors, read_golden
from squeezesam_export.bundle.manifest import (
    Artifact,
    BundleNetwork,
    Manifest,
    Parity,
    read_manifest,
)
from squeezesam_export.kinds.golden_case import GoldenCase, is_asked
from squeezesam_export.kinds.recipe import KindRecipe, ParityFigure
from squeezesam_export.quantization.schemes import SCHEMES, Bounds
from squeezesam_export.targets.table import TARGETS


@dataclass(frozen=True)
class GoldenMeasurement:
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
) -> GoldenMeasurement:
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
    return GoldenMeasurement(
        Parity(
            max_mask_error=mask_error,
            mask_sqnr_db=10 * math.log10(signal / noise) if signal and noise else None,
            min_mask_iou=min(first_ious),
            mean_mask_iou=statistics.mean(ious),
            measures={name: max(values) for name, values in figures.items()},
        ),
        statistics.median(milliseconds) if timed else None,
    )


def broken_bound(recipe: KindRecipe, parity: Parity, bounds: Bounds) -> str | None:
    """The bound of a scheme that an artifact breaks, in words; None when it breaks none."""
    for name, value, bound in (
        ("smallest mask IoU", parity.min_mask_iou, bounds.min_mask_iou),
        ("mean mask IoU", parity.mean_mask_iou, bounds.mean_mask_iou),
    ):
        if value < bound:
            return f"{name} {value:.4f} is below {bound}"
    for measure in recipe.measures:
        value, bound = parity.measures[measure.name], measure.bound(bounds)
        if value > bound:
            return measure.broken.format(value, bound)
    return None


def other_figure(recipe: KindRecipe, recorded: Parity, measured: Parity) -> str | None:
    """The figure of a recorded parity that a measured one contradicts, in words; None for none.

    On another machine a figure may be up to twice as bad, or half as bad.

    Args:
        recipe: of the kind of network.
        recorded: what the manifest says.
        measured: with the same runtime.
    """
    for figure in (*FIGURES, *map(figure_of, recipe.measures)):
        said, seen = figure.of(recorded), figure.of(measured)
        one, other = figure.badness(said), figure.badness(seen)
        if abs(one - other) > max(figure.slack, max(one, other) / 2):
            return (
                f"the manifest records {shown_figure(said)} as the {figure.title}, "
                f"measured here: {shown_figure(seen)}"
            )
    return None


@dataclass(frozen=True)
class Figure:
    """A figure of a parity, as it is compared with a recorded one.

    Attributes:
        title: for a message.
        of: the figure of a parity; None for that of answers without any error.
        slack: the badness by which it may differ between machines, whatever its size.
        badness: from a figure to a number that is 0 at best.
    """

    title: str
    of: Callable[[Parity], float | None]
    slack: float
    badness: Callable[[Any], float] = float


def figure_of(measure: ParityFigure) -> Figure:
    """The figure of a measure."""
    return Figure(measure.title, lambda parity: parity.measures[measure.name], measure.slack)


def shown_figure(figure: float | None) -> str:
    """A figure for a message."""
    return "exact" if figure is None else f"{figure:.4g}"


FIGURES = (
    Figure("smallest mask IoU", lambda parity: parity.min_mask_iou, 0.01, lambda iou: 1 - iou),
    Figure("mean mask IoU", lambda parity: parity.mean_mask_iou, 0.01, lambda iou: 1 - iou),
    Figure("largest mask error", lambda parity: parity.max_mask_error, 1e-3),
    Figure(
        "SQNR of masks",
        lambda parity: parity.mask_sqnr_db,
        1e-4,
        lambda decibels: 0.0 if decibels is None else 10 ** (-decibels / 20),
    ),
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
    """IoU of each mask at the threshold, as `overlaps`: [B, M, H, W] -> [B, M]."""
    return overlaps(logits > MASK_THRESHOLD, wanted > MASK_THRESHOLD)


def overlaps(masks: Tensor, wanted: Tensor) -> Tensor:
    """IoU of each mask, 1 where both are empty: bool [B, M, H, W] -> [B, M]."""
    union = (masks | wanted).sum(dim=(2, 3))
    intersection = (masks & wanted).sum(dim=(2, 3))
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0)


def check_prompted(
    recipe: KindRecipe,
    found: Sequence[GoldenCase],
    asked: KindRecipe,
    prompted: Sequence[GoldenCase],
    size: int,
) -> None:
    """Check that golden cases ask for what the golden answers of another network show.

    Args:
        recipe: of the network that finds.
        found: its golden cases.
        asked: recipe of the network that is asked.
        prompted: golden cases of that network.
        size: side of the square input of that network in pixels.

    Raises:
        ArtifactError: this version finds something else.
    """
    answers = {case.photo: case for case in prompted}
    for case in found:
        photo = asked.frame.fit(case.letterbox.width, case.letterbox.height, size)
        prompt = recipe.prompt(case, case.outputs, photo)
        answer = answers.get(case.photo)
        if (answer and answer.record) != (prompt and prompt[0]) or (
            answer
            and prompt
            and not is_asked(answer, asked.prompted_inputs(answer.tensors[IMAGE], photo, *prompt))
        ):
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
    photo = asked.frame.fit(case.letterbox.width, case.letterbox.height, partner.size)
    prompt = recipe.prompt(case, network.run(case.inputs), photo)
    if prompt is None or wanted is None:
        return float(prompt is None and wanted is None)
    outputs = partner.run(asked.prompted_inputs(wanted.tensors[IMAGE], photo, *prompt))
    masks = (asked.masks(wanted, one)[:, :1] for one in (outputs, wanted.outputs))
    return overlaps(*masks).item()


def check_bounds(directory: Path, manifest: Manifest) -> None:
    """Check that a manifest tells apps the bounds that this version asks of its artifacts.

    Raises:
        ArtifactError: it tells others, or none of a precision.
    """
    precisions = {artifact.precision for artifact in manifest.artifacts}
    if any(manifest.bounds.get(name) != SCHEMES[name].bounds for name in precisions):
        raise ArtifactError(
            f"the manifest of {directory} has other bounds than this version; export again"
        )


PASSED = "ok"


@dataclass(frozen=True)
class ArtifactVerdict:
    """Outcome for one artifact in one runtime.

    Attributes:
        recipe: of its kind of network.
        artifact: as the manifest describes it.
        runs_on: what ran it.
        measurement: None where its answers are not comparable.
        broken: the bound that it breaks, in words; None when it breaks none.
        end_to_end_iou: of a network that feeds another one of its target and scheme, the smallest
            IoU of their masks without any click with PyTorch's; None where there is no other one.
    """

    recipe: KindRecipe
    artifact: Artifact
    runs_on: str
    measurement: GoldenMeasurement | None
    broken: str | None = None
    end_to_end_iou: float | None = None

    @property
    def text(self) -> str:
        """For the table."""
        return f"BROKEN: {self.broken}" if self.broken else PASSED


class Verification:
    """One pass over an export directory: each file is hashed, parsed and loaded once.

    Args:
        directory: what `squeezesam export` wrote.
        hasher: of the content of files; it remembers what it has hashed.

    Raises:
        ArtifactError: the manifest or a file is missing, damaged or altered.
    """

    def __init__(self, directory: PathLike, hasher: Hasher | None = None) -> None:
        self.directory = Path(directory)
        self.hasher = hasher or cache(content_sha256)
        self.manifest: Manifest = read_manifest(self.directory)
        with step("checking the hashes of all files"):
            check_files(self.directory, self.manifest, self.hasher)
        check_vectors(self.directory, self.manifest)
        check_bounds(self.directory, self.manifest)
        self.golden = {one.kind: self._cases(one, None) for one in self.manifest.networks}
        self.prompted: dict[str, list[GoldenCase]] = {}
        for network, partner in self.pairs():
            prompted = self._cases(partner, network.kind)
            check_prompted(
                network.recipe,
                self.golden[network.kind],
                partner.recipe,
                prompted,
                partner.input_size,
            )
            self.prompted[network.kind] = prompted
        self._loaded: dict[tuple[str, str, str], LoadedNetwork] = {}

    def _cases(self, network: BundleNetwork, prompted_by: str | None) -> list[GoldenCase]:
        return read_golden(self.directory, network, prompted_by, self.hasher)

    def pairs(self) -> list[tuple[BundleNetwork, BundleNetwork]]:
        """Networks that feed another one of the bundle, each with that one."""
        networks = {network.kind: network for network in self.manifest.networks}
        kinds = [network.recipe.kind for network in self.manifest.networks]
        partners = ((one, one.recipe.partner(kinds)) for one in self.manifest.networks)
        return [(one, networks[partner.name]) for one, partner in partners if partner is not None]

    def verdicts(self, compare: bool = False) -> Iterator[ArtifactVerdict]:
        """Judge all artifacts one by one.

        Args:
            compare: also run the reference interpreter where an artifact's own runtime is here, and
                compare the runtime with the interpreter instead of with PyTorch.

        Raises:
            ArtifactError: an artifact is damaged.
            MissingDependencyError: the runtime of an artifact is not installed.
        """
        partners = {network.kind: partner for network, partner in self.pairs()}
        for network in self.manifest.networks:
            for artifact in network.artifacts:
                first, *others = self.judged(network, artifact, compare)
                if first.measurement is not None and network.kind in partners:
                    with step(f"cutting out without a click by {artifact.title}"):
                        first = self.with_end_to_end_iou(first, network, partners[network.kind])
                yield first
                yield from others

    def judged(
        self, network: BundleNetwork, artifact: Artifact, compare: bool
    ) -> list[ArtifactVerdict]:
        """One verdict on an artifact, or with `compare` as many as there are comparisons."""
        target, recipe = TARGETS[artifact.target], network.recipe
        cases = self.golden[network.kind]
        with step(f"running {artifact.title}"):
            loaded = self.loaded(network, artifact)
            verdicts = [judge(recipe, artifact, target.runs_on, loaded, cases)]
        if compare and target.load and target.interpret:
            paths = artifact_paths(self.directory, artifact, self.hasher)
            interpreted = load_graphs(recipe.kind, paths, target.interpret)
            against = f"{target.runtime} against {REFERENCE_INTERPRETER}"
            answered = [case.answered(interpreted.run(case.inputs)) for case in cases]
            verdicts += [
                judge(recipe, artifact, REFERENCE_INTERPRETER, interpreted, cases),
                judge(recipe, artifact, against, loaded, answered),
            ]
        return verdicts

    def loaded(self, network: BundleNetwork, artifact: Artifact) -> LoadedNetwork:
        """An artifact, which is loaded at the first call."""
        key = network.kind, artifact.target, artifact.precision
        if key not in self._loaded:
            paths = artifact_paths(self.directory, artifact, self.hasher)
            loader = TARGETS[artifact.target].loader
            self._loaded[key] = load_graphs(network.recipe.kind, paths, loader)
        return self._loaded[key]

    def with_end_to_end_iou(
        self, verdict: ArtifactVerdict, network: BundleNetwork, partner: BundleNetwork
    ) -> ArtifactVerdict:
        """The verdict, held to the bound of its scheme for the masks without any click too."""
        artifact = verdict.artifact
        form = artifact.target, artifact.precision
        asked = next((a for a in partner.artifacts if (a.target, a.precision) == form), None)
        if asked is None:
            return verdict
        iou = end_to_end_iou(
            network.recipe,
            self.loaded(network, artifact),
            partner.recipe,
            self.loaded(partner, asked),
            self.golden[network.kind],
            self.prompted[network.kind],
        )
        broken, bound = verdict.broken, SCHEMES[artifact.precision].bounds.min_mask_iou
        if broken is None and iou < bound:
            broken = f"IoU of an automatic mask {iou:.4f} is below {bound}"
        return dataclasses.replace(verdict, end_to_end_iou=iou, broken=broken)


def judge(
    recipe: KindRecipe,
    artifact: Artifact,
    runs_on: str,
    network: LoadedNetwork,
    cases: Sequence[GoldenCase],
) -> ArtifactVerdict:
    """Run the golden cases and hold them to the bounds of the artifact's scheme.

    What ran them at export has to give the figures again that the manifest records.
    """
    timed = not isinstance(network, InterpretedNetwork)
    try:
        measurement = measure(recipe, network.run, cases, timed=timed)
    except VerificationError as error:
        return ArtifactVerdict(recipe, artifact, runs_on, None, str(error))
    broken = broken_bound(recipe, measurement.parity, SCHEMES[artifact.precision].bounds)
    if broken is None and runs_on == artifact.measured_with:
        broken = other_figure(recipe, artifact.parity, measurement.parity)
    return ArtifactVerdict(recipe, artifact, runs_on, measurement, broken)
