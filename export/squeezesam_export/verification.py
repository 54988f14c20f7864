"""Comparing artifacts, run by their own runtimes, with PyTorch's golden answers."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from squeezesam.errors import VerificationError
from squeezesam.files import PathLike
from squeezesam.progress import step
from squeezesam.runtimes import REFERENCE_INTERPRETER, InterpretedNetwork, LoadedNetwork
from squeezesam_export.artifacts import (
    Hasher,
    artifact_paths,
    check_files,
    content_sha256,
    load_graphs,
)
from squeezesam_export.golden import check_vectors, read_golden
from squeezesam_export.golden_case import GoldenCase
from squeezesam_export.kinds.recipe import KindRecipe
from squeezesam_export.manifest import Artifact, Manifest, Network, read_manifest
from squeezesam_export.parity import (
    Measurement,
    broken_bound,
    check_prompted,
    end_to_end_iou,
    measure,
)
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.targets import TARGETS

PASSED = "ok"


@dataclass(frozen=True)
class Verdict:
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
    measurement: Measurement | None
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
        self.golden = {one.kind: self._cases(one, None) for one in self.manifest.networks}
        self.prompted: dict[str, list[GoldenCase]] = {}
        for network, partner in self.pairs():
            prompted = self._cases(partner, network.kind)
            check_prompted(network.recipe, self.golden[network.kind], prompted, partner.input_size)
            self.prompted[network.kind] = prompted
        self._loaded: dict[tuple[str, str, str], LoadedNetwork] = {}

    def _cases(self, network: Network, prompted_by: str | None) -> list[GoldenCase]:
        return read_golden(self.directory, network, prompted_by, self.hasher)

    def pairs(self) -> list[tuple[Network, Network]]:
        """Networks that feed another one of the bundle, each with that one."""
        networks = {network.kind: network for network in self.manifest.networks}
        return [
            (network, networks[network.recipe.feeds])
            for network in self.manifest.networks
            if network.recipe.feeds in networks
        ]

    def verdicts(self, compare: bool = False) -> Iterator[Verdict]:
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

    def judged(self, network: Network, artifact: Artifact, compare: bool) -> list[Verdict]:
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

    def loaded(self, network: Network, artifact: Artifact) -> LoadedNetwork:
        """An artifact, which is loaded at the first call."""
        key = network.kind, artifact.target, artifact.precision
        if key not in self._loaded:
            paths = artifact_paths(self.directory, artifact, self.hasher)
            loader = TARGETS[artifact.target].loader
            self._loaded[key] = load_graphs(network.recipe.kind, paths, loader)
        return self._loaded[key]

    def with_end_to_end_iou(self, verdict: Verdict, network: Network, partner: Network) -> Verdict:
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
        broken, bound = verdict.broken, SCHEMES[artifact.precision].min_mask_iou
        if broken is None and iou < bound:
            broken = f"IoU of an automatic mask {iou:.4f} is below {bound}"
        return dataclasses.replace(verdict, end_to_end_iou=iou, broken=broken)


def judge(
    recipe: KindRecipe,
    artifact: Artifact,
    runs_on: str,
    network: LoadedNetwork,
    cases: Sequence[GoldenCase],
) -> Verdict:
    """Run the golden cases and hold them to the bounds of the artifact's scheme."""
    timed = not isinstance(network, InterpretedNetwork)
    try:
        measurement = measure(recipe, network.run, cases, timed=timed)
    except VerificationError as error:
        return Verdict(recipe, artifact, runs_on, None, str(error))
    broken = broken_bound(recipe, measurement.parity, SCHEMES[artifact.precision])
    return Verdict(recipe, artifact, runs_on, measurement, broken)
