"""The manifest: what lies in an export directory, and how to use and check it."""

import dataclasses
import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from squeezesam import strict_json
from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.files import PathLike, path_below
from squeezesam.image_io import MAX_PHOTO_SIDE
from squeezesam.inference.load import MANIFEST_NAME, REFERENCE_INTERPRETER
from squeezesam.spec import NetworkKind, TensorSpec
from squeezesam.strict_json import JsonError, shown
from squeezesam_export.contract import CONTRACT, Contract, Preprocessing
from squeezesam_export.kinds import RECIPES
from squeezesam_export.kinds.golden_case import CaseRecord
from squeezesam_export.kinds.recipe import KindRecipe
from squeezesam_export.quantization.schemes import Bounds
from squeezesam_export.targets.table import TARGETS
from squeezesam_export.targets.target import IoDtype

SCHEMA_VERSION = 8

MAX_BYTES = 4_000_000


@dataclass(frozen=True)
class Parity:
    """How close an artifact's answers on the golden inputs are to PyTorch's in float32.

    What a mask is, the recipe of the kind of network says: of a detector it is where its heat map
    reaches the threshold of the click sampling.

    Attributes:
        max_mask_error: largest absolute difference of a logit of a mask or heat map.
        mask_sqnr_db: signal to error power of all these logits; None when there is no error.
        min_mask_iou: smallest of mask 0, which is the answer, over all cases, at the threshold. The
            alternatives count in the mean alone: where nothing asks for a part, one of them may be
            noise around the threshold that no app ever shows.
        mean_mask_iou: mean over all cases and masks.
        measures: the further figures of the kind of network, by name: `max_iou_error` is the
            largest absolute difference of a predicted IoU, `max_click_distance` the largest
            distance between a detector's clicks and PyTorch's in pixels of the heat map, whose
            diagonal stands for an object that only one of them finds.
    """

    max_mask_error: float
    mask_sqnr_db: float | None
    min_mask_iou: float
    mean_mask_iou: float
    measures: dict[str, float]


@dataclass(frozen=True)
class GraphFile:
    """One exported file, or directory in the case of an .mlpackage, that holds one graph.

    Attributes:
        file: relative to the manifest.
        sha256: of the file; of a directory as `artifacts.sha256_of` defines it.
        files: SHA-256 of each file of a directory by its relative name; empty for a single file.
        size_bytes: of the file, or of all files of the directory.
        io_dtypes: element type of every input and output, by name.
        delegated_ops: number of operators inside the delegate; None where the format has none.
        ops_outside_delegate: names of those outside, once for each occurrence; None where the
            format has no delegate.
    """

    file: str
    sha256: str
    files: dict[str, str]
    size_bytes: int
    io_dtypes: dict[str, IoDtype]
    delegated_ops: int | None
    ops_outside_delegate: tuple[str, ...] | None


@dataclass(frozen=True)
class Artifact:
    """A network in one target and precision.

    Attributes:
        target: name of the export target.
        precision: name of its scheme.
        keep_float: blocks of the network that stayed in float though the scheme quantizes.
        requirement: what it needs to run: opset, backend or operating system.
        graphs: its files, one for each graph of the network, in the order in which they run.
        measured_with: what ran the artifact at export: its runtime, or the reference interpreter.
        parity: measured then.
    """

    target: str
    precision: str
    keep_float: tuple[str, ...]
    requirement: str
    graphs: tuple[GraphFile, ...]
    measured_with: str
    parity: Parity

    @property
    def title(self) -> str:
        """The names of its files, for messages."""
        return " + ".join(graph.file for graph in self.graphs)

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(graph.size_bytes for graph in self.graphs)

    @property
    def ops_outside_delegate(self) -> tuple[str, ...] | None:
        """Those of all its files; None where the format has no delegate."""
        outside = [graph.ops_outside_delegate for graph in self.graphs]
        known = [ops for ops in outside if ops is not None]
        return sum(known, ()) if known else None


@dataclass(frozen=True)
class GoldenFile:
    """The golden cases of one photo, as an .npz.

    It holds every tensor by its name, those between the graphs of a network included: the `image`
    as uint8 [1, 3, S, S], the letterboxed bytes of the whole photo; what depends on the photo alone
    as float32 once; and all else as float32 with one row a case. Beside `saliency_logits` there are
    uint8 `heat` [h, w], the part of the heat map that lies on the photo, and int64 `heat_clicks`
    [N, 2], the clicks (x, y) in its pixels.

    Attributes:
        file: relative to the manifest.
        sha256: of the file.
        photo: file name of the photo.
        width: of the photo in pixels.
        height: of the photo in pixels.
        prompted_by: kind of the network that found what is asked here; None where prompts were
            chosen. What it finds depends on its weights, so these cases are no part of `Parity`.
        cases: at least one.

    Raises:
        ValueError: the photo has no size that a photo can have.
    """

    file: str
    sha256: str
    photo: str
    width: int
    height: int
    prompted_by: str | None
    cases: tuple[CaseRecord, ...]

    def __post_init__(self) -> None:
        if not (0 < self.width <= MAX_PHOTO_SIDE and 0 < self.height <= MAX_PHOTO_SIDE):
            raise ValueError(f"{self.width}x{self.height} is not the size of a photo")


@dataclass(frozen=True)
class HashedFile:
    """A file beside the manifest."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Graph:
    """What one graph of a network takes and gives."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class BundleNetwork:
    """One network of the bundle.

    Attributes:
        kind: its name in the table of kinds.
        variant: its name.
        weights_sha256: of the weights file that it was exported from.
        input_size: side of its square image input in pixels.
        graphs: in the order in which they run; tensors go from graph to graph by their names.
        preprocessing: the way from a photo to the input `image`.
        rules: what the kind of network has to say about its answers; None where the contract of
            the bundle says all.
        artifacts: all in the targets and schemes of the bundle.
        golden: of each photo.
    """

    kind: str
    variant: str
    weights_sha256: str
    input_size: int
    graphs: tuple[Graph, ...]
    preprocessing: Preprocessing
    rules: object
    artifacts: tuple[Artifact, ...]
    golden: tuple[GoldenFile, ...]

    @property
    def recipe(self) -> KindRecipe:
        """That of its kind."""
        return RECIPES[self.kind]


@dataclass(frozen=True)
class Manifest:
    """All of manifest.json.

    Attributes:
        networks: in the order of the table of kinds.
        contract: of prompts and masks.
        bounds: of the artifacts of each precision, by its name, for the self-checks of apps.
        vectors: drawn inputs with their answers for the apps' own code, such as masks with their
            clean ones (`squeezesam.vectors.masks`) and glances with their views
            (`squeezesam.vectors.looks`).
        calibration_photos: on which the ranges of int8 activations were seen; empty where no
            artifact has any.
    """

    schema_version: int
    networks: tuple[BundleNetwork, ...]
    contract: Contract
    bounds: dict[str, Bounds]
    vectors: tuple[HashedFile, ...]
    calibration_photos: tuple[str, ...]
    tool_versions: dict[str, str | None]
    git_commit: str | None
    created: str
    command: str

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """Those of all networks."""
        return tuple(artifact for network in self.networks for artifact in network.artifacts)

    def network(self, kind: NetworkKind) -> BundleNetwork | None:
        """The first network of a kind, else the first that serves as one; None if there is none."""
        named = (one for one in self.networks if one.kind == kind.name)
        serving = (one for one in self.networks if one.recipe.kind.serves_as(kind))
        return next(chain(named, serving), None)


def graphs_of(kind: NetworkKind, size: int) -> tuple[Graph, ...]:
    """What the graphs of a kind take and give at an input size."""
    return tuple(Graph(one.name, one.inputs(size), one.outputs(size)) for one in kind.graphs)


def write_manifest(manifest: Manifest, directory: PathLike) -> None:
    """Write manifest.json into an export directory."""
    text = json.dumps(dataclasses.asdict(manifest), indent=2, allow_nan=False)
    (Path(directory) / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")


def manifest_content(directory: Path) -> Any:
    """What stands in manifest.json, unchecked.

    Raises:
        ArtifactError: missing, no regular file or a link out of the directory, or no JSON.
    """
    path = directory / MANIFEST_NAME
    try:
        return strict_json.read(path_below(directory, MANIFEST_NAME), MAX_BYTES)
    except OSError as error:
        raise ArtifactError(
            f"{directory} is no export directory: {MANIFEST_NAME}: {error.strerror}; "
            "name what 'squeezesam export --out' wrote"
        ) from error
    except ValueError as error:
        raise ArtifactError(f"{path} is damaged: {error}; export again") from error


def read_manifest(directory: PathLike) -> Manifest:
    """Read and check manifest.json.

    Raises:
        ArtifactError: missing, damaged, of another schema version, or of another contract than
            this version's predictor follows.
    """
    directory = Path(directory)
    path = directory / MANIFEST_NAME
    content = manifest_content(directory)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if type(version) is int and version != SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} has schema version {shown(version)}, this squeezesam reads {SCHEMA_VERSION}; "
            "use the squeezesam that wrote it or export again"
        )
    try:
        manifest = strict_json.decode(Manifest, content)
        networks = tuple(with_rules(network) for network in manifest.networks)
    except JsonError as error:
        raise ArtifactError(f"{path} is damaged: {error}; export again") from error
    manifest = dataclasses.replace(manifest, networks=networks)
    check_networks(path, manifest)
    return manifest


def with_rules(network: BundleNetwork) -> BundleNetwork:
    """The network with the rules of its kind as what they are, if its kind is known.

    Raises:
        JsonError: they are no such rules.
    """
    recipe = RECIPES.get(network.kind)
    if recipe is None or recipe.rules is None:
        return network
    decoded = strict_json.decode(type(recipe.rules), network.rules, f"rules of {network.kind}")
    return dataclasses.replace(network, rules=decoded)


def check_networks(path: Path, manifest: Manifest) -> None:
    """Check that this version can use all networks of a manifest.

    Args:
        path: of the manifest.
        manifest: as it was read.

    Raises:
        ArtifactError: it cannot.
    """
    kinds = [network.kind for network in manifest.networks]
    if len(set(kinds)) != len(kinds):
        raise ArtifactError(f"{path} lists a kind of network twice; export again")
    for network in manifest.networks:
        if network.kind not in RECIPES:
            raise ArtifactError(
                f"{path} names the unknown kind of network {shown(network.kind)}; "
                "export again or update"
            )
        recipe, size = network.recipe, network.input_size
        try:
            recipe.check_size(size)
        except ConfigError as error:
            raise ArtifactError(f"{path} is for inputs of {size} pixels; export again") from error
        if (network.graphs, network.preprocessing, network.rules) != (
            graphs_of(recipe.kind, size),
            recipe.preprocessing,
            recipe.rules,
        ):
            raise other_contract(path)
        for artifact in network.artifacts:
            check_artifact(path, artifact, recipe)
        if not network.artifacts or not any(
            golden.cases for golden in network.golden if golden.prompted_by is None
        ):
            raise ArtifactError(f"{path} lists no artifact or no golden case; export again")
        for golden in network.golden:
            if golden.prompted_by is not None and golden.prompted_by not in kinds:
                raise ArtifactError(
                    f"{path} has golden cases of {shown(golden.prompted_by)}, which it does not "
                    "list; export again"
                )
    if manifest.contract != CONTRACT:
        raise other_contract(path)
    if not manifest.networks:
        raise ArtifactError(f"{path} lists no network; export again")


def other_contract(path: Path) -> ArtifactError:
    """That a manifest asks for another use of its networks than this version's."""
    return ArtifactError(
        f"{path} has other inputs, outputs or encodings than this version; export again"
    )


def check_artifact(path: Path, artifact: Artifact, recipe: KindRecipe) -> None:
    """Check that this version knows the form of an artifact.

    Args:
        path: of the manifest.
        artifact: that it lists.
        recipe: of its kind of network.

    Raises:
        ArtifactError: it does not.
    """
    if artifact.target not in TARGETS:
        raise ArtifactError(
            f"{path} names the unknown target {artifact.target!r}; export again or update"
        )
    if artifact.precision not in TARGETS[artifact.target].schemes:
        raise ArtifactError(
            f"{path} names a precision that {artifact.target} lacks, {artifact.precision!r}; "
            "export again or update"
        )
    if artifact.measured_with not in (TARGETS[artifact.target].runtime, REFERENCE_INTERPRETER):
        raise ArtifactError(
            f"{path} says that an artifact was measured with {shown(artifact.measured_with)}; "
            "export again or update"
        )
    measures = {measure.name for measure in recipe.measures}
    if artifact.parity.measures.keys() != measures:
        raise ArtifactError(
            f"{path} has figures of an artifact other than {', '.join(sorted(measures))}; "
            "export again or update"
        )
    if len(artifact.graphs) != len(recipe.kind.graphs):
        raise ArtifactError(
            f"{path} lists an artifact of {len(artifact.graphs)} graphs, not "
            f"{len(recipe.kind.graphs)}; export again"
        )
