"""From weights to a directory of artifacts, each compared with PyTorch before it is listed."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch

from squeezesam.environment import tool_versions
from squeezesam.errors import ConfigError, OutputError
from squeezesam.files import PathLike, check_place, settled, whole_directory
from squeezesam.inference.load import MANIFEST_NAME, is_export
from squeezesam.terminal import step
from squeezesam_export.bundle.artifacts import (
    GOLDEN,
    git_commit,
    hashes_of,
    load_graphs,
    sha256_of,
    size_of,
    utc_date,
)
from squeezesam_export.bundle.golden import (
    golden_cases,
    prompted_cases,
    write_golden,
    write_vectors,
)
from squeezesam_export.bundle.manifest import (
    SCHEMA_VERSION,
    Artifact,
    BundleNetwork,
    GoldenFile,
    GraphFile,
    Manifest,
    graphs_of,
    write_manifest,
)
from squeezesam_export.bundle.verification import broken_bound, measure
from squeezesam_export.contract import CONTRACT
from squeezesam_export.kinds import RECIPES
from squeezesam_export.kinds.golden_case import GoldenCase
from squeezesam_export.kinds.recipe import KindRecipe, LoadedWeights
from squeezesam_export.network_options import NETWORK_OPTIONS, NetworkChoice
from squeezesam_export.quantization.calibration import (
    SHIPPED_PHOTOS,
    Calibration,
    Inputs,
    calibrate,
)
from squeezesam_export.quantization.graph import check_blocks, with_blocks_of
from squeezesam_export.quantization.schemes import SCHEMES, QuantizedScheme, Scheme, StaticInt8
from squeezesam_export.targets.table import TARGETS, plan
from squeezesam_export.targets.target import ExportJob, ExportTarget, LoweringReport


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        targets: names of export targets.
        precisions: names of schemes; each target is exported in each.
        networks: each of another kind.
        calibration: folder of photos to see the ranges of int8 activations on; None for those that
            are shipped.
        keep_float: blocks that stay in float where a scheme quantizes; empty for the scheme's.

    Raises:
        ConfigError: a kind of network that has no exporter, or a size that one does not take.
    """

    targets: tuple[str, ...]
    precisions: tuple[str, ...]
    networks: tuple[NetworkChoice, ...]
    calibration: Path | None = None
    keep_float: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for choice in self.networks:
            if choice.kind not in RECIPES:
                raise ConfigError(
                    f"networks of kind {choice.kind!r} cannot be exported; give weights of base, "
                    "nano, early or an EfficientSAM"
                )
            RECIPES[choice.kind].check_size(choice.size)

    @property
    def command(self) -> str:
        """The command line that exports the same."""
        words = ["squeezesam", "export"]
        words += ["--target", ",".join(self.targets), "--precision", ",".join(self.precisions)]
        words += ["--calibration", str(self.calibration)] if self.calibration else []
        words += ["--keep-float", ",".join(self.keep_float)] if self.keep_float else []
        for options in NETWORK_OPTIONS:
            mine = [one for one in self.networks if RECIPES[one.kind].kind.serves_as(options.kind)]
            words += options.words(mine)
        return shlex.join(words)


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
    if options.keep_float and not any(isinstance(scheme, QuantizedScheme) for scheme in schemes):
        raise ConfigError("--keep-float is for int8; leave it out, or export --precision int8")
    check_kinds([target for target, _ in combinations], options.networks)
    check_replaceable(out)
    with whole_directory(out) as directory:
        loaded = {one.kind: RECIPES[one.kind].load(one) for one in options.networks}
        check_blocks(
            options.keep_float, [graph for one in loaded.values() for graph in one.trained]
        )
        calibration = Calibration((), dict.fromkeys(loaded, ()))
        if calibrated:
            folder = options.calibration or SHIPPED_PHOTOS
            with step(f"seeing the ranges of activations on the photos of {folder}"):
                calibration = calibrate({kind: one.ask for kind, one in loaded.items()}, folder)
        with step("answering the golden cases with PyTorch"):
            cases, files = answer_golden(loaded, directory)
        vectors = write_vectors([one.recipe for one in loaded.values()], directory)
        artifacts: dict[str, list[Artifact]] = {kind: [] for kind in loaded}
        steps = [
            (kind, target, scheme)
            for kind, one in loaded.items()
            for target, scheme in combinations
            if target.takes(one.recipe.kind)
        ]
        for number, (kind, target, scheme) in enumerate(steps, start=1):
            started, recipe = time.perf_counter(), loaded[kind].recipe
            seen = calibration.inputs[kind] if isinstance(scheme, StaticInt8) else ()
            jobs = graph_jobs(loaded[kind], scheme, seen)
            paths = [
                directory / file_name(loaded[kind].variant, job, target, scheme) for job in jobs
            ]
            done, title = f"[{number}/{len(steps)}]", " + ".join(path.name for path in paths)
            with step(f"{done} exporting {title} and comparing it with PyTorch"):
                artifact = export_artifact(recipe, target, jobs, paths, cases[kind])
            artifacts[kind].append(artifact)
            seconds = time.perf_counter() - started
            progress(f"{done} {title}: {describe(recipe, artifact)} ({seconds:.0f} s)")
        manifest = Manifest(
            schema_version=SCHEMA_VERSION,
            networks=tuple(
                BundleNetwork(
                    kind=kind,
                    variant=one.variant,
                    weights_sha256=one.sha256,
                    input_size=one.size,
                    graphs=graphs_of(one.recipe.kind, one.size),
                    preprocessing=one.recipe.preprocessing,
                    rules=one.recipe.rules,
                    artifacts=tuple(artifacts[kind]),
                    golden=files[kind],
                )
                for kind, one in loaded.items()
            ),
            contract=CONTRACT,
            bounds={
                one.precision: SCHEMES[one.precision].bounds
                for one in chain.from_iterable(artifacts.values())
            },
            vectors=vectors,
            calibration_photos=calibration.photos,
            tool_versions=tool_versions(),
            git_commit=git_commit(),
            created=utc_date(),
            command=options.command,
        )
        write_manifest(manifest, directory)


def check_kinds(targets: Sequence[ExportTarget], networks: Sequence[NetworkChoice]) -> None:
    """Refuse a network that none of the targets takes.

    Raises:
        ConfigError: there is one.
    """
    for choice in networks:
        kind = RECIPES[choice.kind].kind
        if not any(target.takes(kind) for target in targets):
            able = [target.name for target in TARGETS.values() if target.takes(kind)]
            raise ConfigError(
                f"no target here takes a {kind.title}; add {' or '.join(able)} to --target"
            )


def answer_golden(
    networks: dict[str, LoadedWeights], directory: Path
) -> tuple[dict[str, list[GoldenCase]], dict[str, tuple[GoldenFile, ...]]]:
    """Answer the golden cases of all networks with PyTorch and write them.

    Returns:
        The cases with chosen prompts, and all written files, each by the kind of network.

    Raises:
        WeightsError: an answer is NaN or infinity.
    """
    cases = {kind: golden_cases(one) for kind, one in networks.items()}
    files = {
        kind: write_golden(one.recipe, cases[kind], directory) for kind, one in networks.items()
    }
    for kind, one in networks.items():
        partner = one.recipe.partner(other.recipe.kind for other in networks.values())
        if partner is not None:
            asked = networks[partner.name]
            prompted = prompted_cases(one.recipe, cases[kind], asked)
            files[partner.name] += write_golden(asked.recipe, prompted, directory, kind)
    return cases, files


def graph_jobs(
    loaded: LoadedWeights, scheme: Scheme, calibration: Sequence[Inputs]
) -> list[ExportJob]:
    """The jobs of exporting the graphs of a network.

    Args:
        loaded: the network.
        scheme: of all its graphs.
        calibration: inputs of the network; empty where the scheme needs none.
    """
    network, kinds = loaded.network(), loaded.recipe.kind.graphs
    with torch.no_grad():
        seen = [network.tensors(inputs, len(kinds) - 1) for inputs in calibration]
    return [
        ExportJob(
            model,
            loaded.size,
            with_blocks_of(scheme, trained),
            [tuple(tensors[name] for name in kind.names()[0]) for tensors in seen],
            kind,
        )
        for kind, model, trained in zip(kinds, loaded.graphs, loaded.trained, strict=True)
    ]


def file_name(variant: str, job: ExportJob, target: ExportTarget, scheme: Scheme) -> str:
    """The name of the artifact of one graph."""
    words = (variant, job.kind.part, target.name, scheme.name)
    return "_".join(filter(None, words)) + target.suffix


def check_replaceable(out: Path) -> None:
    """Refuse to replace a directory that is not an earlier export.

    Raises:
        OutputError: it holds something else.
    """
    suffixes = {target.suffix for target in TARGETS.values()}
    check_place(out, (MANIFEST_NAME, GOLDEN, *(f"*{suffix}" for suffix in suffixes)))
    place = settled(out)
    if place.is_dir() and any(place.iterdir()) and not is_export(place):
        raise OutputError(f"{out} holds something else than an export; name another directory")


def export_artifact(
    recipe: KindRecipe,
    target: ExportTarget,
    jobs: Sequence[ExportJob],
    paths: Sequence[Path],
    cases: Sequence[GoldenCase],
) -> Artifact:
    """Write one artifact and run the golden cases on it.

    Args:
        recipe: of the kind of network.
        target: of the artifact.
        jobs: of its graphs.
        paths: of its files, one for each graph.
        cases: golden cases.
    """
    lowered = [target.export(job, path) for job, path in zip(jobs, paths, strict=True)]
    network = load_graphs(recipe.kind, paths, target.loader)
    kept = [job.scheme.keep_float for job in jobs if isinstance(job.scheme, QuantizedScheme)]
    return Artifact(
        target=target.name,
        precision=jobs[0].scheme.name,
        keep_float=tuple(dict.fromkeys(name for names in kept for name in names)),
        requirement=lowered[0].requirement,
        graphs=tuple(map(graph_file, paths, lowered)),
        measured_with=target.runs_on,
        parity=measure(recipe, network.run, cases, timed=False).parity,
    )


def graph_file(path: Path, lowered: LoweringReport) -> GraphFile:
    """What the manifest says of the file of one graph."""
    return GraphFile(
        file=path.name,
        sha256=sha256_of(path),
        files=hashes_of(path),
        size_bytes=size_of(path),
        io_dtypes=lowered.io_dtypes,
        delegated_ops=lowered.delegated,
        ops_outside_delegate=lowered.outside,
    )


def describe(recipe: KindRecipe, artifact: Artifact) -> str:
    """Size, delegation and parity in a few words."""
    words = [f"{artifact.size_bytes / 1e6:.1f} MB"]
    if artifact.ops_outside_delegate is not None:
        words.append(f"{len(artifact.ops_outside_delegate)} ops outside the delegate")
    parity = artifact.parity
    words.append(f"mask IoU {parity.mean_mask_iou:.4f} to PyTorch in {artifact.measured_with}")
    words.append(f"{parity.min_mask_iou:.4f} at worst")
    words += [
        one.summary.format(parity.measures[one.name]) for one in recipe.measures if one.summary
    ]
    broken = broken_bound(recipe, parity, SCHEMES[artifact.precision].bounds)
    words += [f"WARNING: {broken}; verify will fail"] if broken else []
    return ", ".join(words)
