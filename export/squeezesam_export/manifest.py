"""The manifest: what lies in an export directory, and how to use and check it."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from squeezesam import strict_json
from squeezesam.config import DetectorConfig
from squeezesam.errors import ArtifactError
from squeezesam.files import PathLike, path_below
from squeezesam.image_io import MAX_PHOTO_SIDE
from squeezesam.network.model import BOTTOM_STRIDE
from squeezesam.runtimes import MANIFEST_NAME
from squeezesam.spec import DETECTOR, SEGMENTER, NetworkKind
from squeezesam.strict_json import JsonError, shown
from squeezesam_export.contract import Contract, contract
from squeezesam_export.salient_contract import SalientContract, salient_contract
from squeezesam_export.target import IoDtype
from squeezesam_export.targets import TARGETS

SCHEMA_VERSION = 6

MAX_BYTES = 4_000_000
MAX_SIZE = 2048
"""Of the side of the square input in pixels."""

DETECTOR_STRIDE = DetectorConfig.bottom_stride


@dataclass(frozen=True)
class Parity:
    """How close an artifact's answers on the golden inputs are to PyTorch's in float32.

    The mask of a detector is where its heat map reaches the threshold of the click sampling.

    Attributes:
        max_mask_error: largest absolute difference of a logit of a mask or heat map.
        mask_sqnr_db: signal to error power of all these logits; None when there is no error.
        min_mask_iou: smallest of mask 0, which is the answer, over all cases, at the threshold. The
            alternatives count in the mean alone: where nothing asks for a part, one of them may be
            noise around the threshold that no app ever shows.
        mean_mask_iou: mean over all cases and masks.
        max_iou_error: largest absolute difference of a predicted IoU; None of a detector.
        max_click_distance: largest distance between its clicks and PyTorch's in pixels of the heat
            map, whose diagonal stands for an object that only one of them finds; None of a
            segmenter.
    """

    max_mask_error: float
    mask_sqnr_db: float | None
    min_mask_iou: float
    mean_mask_iou: float
    max_iou_error: float | None
    max_click_distance: float | None


@dataclass(frozen=True)
class Artifact:
    """One exported file, or directory in the case of an .mlpackage.

    Attributes:
        file: relative to the manifest.
        precision: name of its scheme.
        keep_float: blocks of the network that stayed in float though the scheme quantizes.
        sha256: of the file; of a directory as `artifacts.sha256_of` defines it.
        files: SHA-256 of each file of a directory by its relative name; empty for a single file.
        delegated_ops: inside the delegate; None where the format has none.
        ops_outside_delegate: their names; None likewise.
        measured_with: what ran the artifact at export: its runtime, or the reference interpreter.
        parity: measured then.
    """

    file: str
    target: str
    precision: str
    keep_float: tuple[str, ...]
    requirement: str
    sha256: str
    files: dict[str, str]
    size_bytes: int
    io_dtypes: dict[str, IoDtype]
    delegated_ops: int | None
    ops_outside_delegate: tuple[str, ...] | None
    measured_with: str
    parity: Parity


@dataclass(frozen=True)
class Click:
    """A click in photo pixels, with segment-anything's label codes."""

    x: int
    y: int
    label: int


@dataclass(frozen=True)
class GoldenCase:
    """Prompts on a golden photo.

    Attributes:
        name: of the case.
        clicks: oldest first.
        box: (x0, y0, x1, y1) in photo pixels.
        previous: an earlier case of the same photo whose mask 0, cleaned, is the previous mask, or
            `saliency_logits`, which is then moved into the frame of masks.
    """

    name: str
    clicks: tuple[Click, ...]
    box: tuple[int, ...] | None
    previous: str | None


@dataclass(frozen=True)
class SalientGolden:
    """What PyTorch's detector found in a golden photo.

    Attributes:
        heat_clicks: (x, y) in pixels of the heat map; none where nothing stands out.
        case: name of the golden case with these clicks in photo pixels, and so with the automatic
            mask; None where nothing stands out.
    """

    heat_clicks: tuple[tuple[int, ...], ...]
    case: str | None


@dataclass(frozen=True)
class GoldenFile:
    """The cases of one photo, as an .npz.

    `image` is uint8 [1, 3, S, S], the letterboxed bytes of the whole photo; `prompt_maps`,
    `prompt_tokens`, `low_res_masks` and `iou_predictions` are float32 with one row a case. Beside a
    detector there are, with D the side of its input, uint8 `detector_image` [1, 3, D, D], float32
    `saliency_logits` [1, 1, D/4, D/4] and uint8 `heat` [h, w], the part of the heat map that lies
    on the photo.

    Attributes:
        salient: None where no detector was exported.

    Raises:
        ValueError: the photo has no size that a photo can have.
    """

    file: str
    sha256: str
    photo: str
    width: int
    height: int
    cases: tuple[GoldenCase, ...]
    salient: SalientGolden | None

    def __post_init__(self) -> None:
        if not (0 < self.width <= MAX_PHOTO_SIDE and 0 < self.height <= MAX_PHOTO_SIDE):
            raise ValueError(f"{self.width}x{self.height} is not the size of a photo")


@dataclass(frozen=True)
class HashedFile:
    """A file beside the manifest."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Detector:
    """The salient-object detector, whose clicks go to the segmenter when a photo opens.

    Attributes:
        artifacts: in the targets and schemes of the segmenter's.
        click_vectors: drawn heat maps with their clicks, as `squeezesam.saliency.vectors` says.
    """

    variant: str
    weights_sha256: str
    contract: SalientContract
    artifacts: tuple[Artifact, ...]
    click_vectors: HashedFile


@dataclass(frozen=True)
class Manifest:
    """All of manifest.json; what stands at its top is the segmenter's.

    Attributes:
        mask_vectors: drawn masks with their clean ones, as `squeezesam.mask_vectors` says.
        look_vectors: drawn glances with their views, as `squeezesam.look_vectors` says.
        detector: None where it was left out.
        calibration_photos: on which the ranges of int8 activations were seen; empty where no
            artifact has any.
    """

    schema_version: int
    variant: str
    weights_sha256: str
    contract: Contract
    artifacts: tuple[Artifact, ...]
    mask_vectors: HashedFile
    look_vectors: HashedFile
    detector: Detector | None
    golden: tuple[GoldenFile, ...]
    calibration_photos: tuple[str, ...]
    tool_versions: dict[str, str | None]
    git_commit: str | None
    created: str
    command: str

    def size_of(self, kind: NetworkKind) -> int:
        """Side of the square input of one kind of network in pixels; 0 where there is none."""
        if kind is SEGMENTER:
            return self.contract.input_size
        return self.detector.contract.input_size if self.detector else 0

    @property
    def vectors(self) -> tuple[HashedFile, ...]:
        """Files of drawn inputs with what the apps' own code has to answer."""
        return (
            self.mask_vectors,
            self.look_vectors,
            *([self.detector.click_vectors] if self.detector else []),
        )

    @property
    def all_artifacts(self) -> tuple[Artifact, ...]:
        """The segmenter's, then the detector's."""
        return self.artifacts_of(SEGMENTER) + self.artifacts_of(DETECTOR)

    def artifacts_of(self, kind: NetworkKind) -> tuple[Artifact, ...]:
        """Those of one kind of network."""
        if kind is SEGMENTER:
            return self.artifacts
        return self.detector.artifacts if self.detector else ()

    def listing(self, artifacts: Mapping[str, Sequence[Artifact]]) -> Self:
        """The manifest with other artifacts, by the name of their kind of network."""
        detector = self.detector and dataclasses.replace(
            self.detector, artifacts=tuple(artifacts[DETECTOR.name])
        )
        return dataclasses.replace(
            self, artifacts=tuple(artifacts[SEGMENTER.name]), detector=detector
        )


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
    except JsonError as error:
        raise ArtifactError(f"{path} is damaged: {error}; export again") from error
    size, detector = manifest.contract.input_size, manifest.detector
    sizes = [(size, BOTTOM_STRIDE)]
    sizes += [(detector.contract.input_size, DETECTOR_STRIDE)] if detector else []
    for side, stride in sizes:
        if not 0 < side <= MAX_SIZE or side % stride:
            raise ArtifactError(f"{path} is for inputs of {side} pixels; export again")
    if manifest.contract != contract(size) or (
        detector is not None and detector.contract != salient_contract(detector.contract.input_size)
    ):
        raise ArtifactError(
            f"{path} has other inputs, outputs or encodings than this version; export again"
        )
    for artifact in manifest.all_artifacts:
        if artifact.target not in TARGETS:
            raise ArtifactError(
                f"{path} names the unknown target {artifact.target!r}; export again or update"
            )
        if artifact.precision not in TARGETS[artifact.target].schemes:
            raise ArtifactError(
                f"{path} names a precision that {artifact.target} lacks, {artifact.precision!r}; "
                "export again or update"
            )
    if not manifest.artifacts or not any(golden.cases for golden in manifest.golden):
        raise ArtifactError(f"{path} lists no artifact or no golden case; export again")
    if any((golden.salient is None) != (detector is None) for golden in manifest.golden):
        raise ArtifactError(f"{path} has no golden heat maps for its detector; export again")
    return manifest
