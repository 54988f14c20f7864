"""The manifest: what lies in an export directory, and how to use and check it."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import ArtifactError
from squeezesam.runtimes import MANIFEST_NAME
from squeezesam_export import strict_json
from squeezesam_export.contract import Contract, contract
from squeezesam_export.strict_json import JsonError
from squeezesam_export.target import IoDtype
from squeezesam_export.targets import TARGETS

SCHEMA_VERSION = 3


@dataclass(frozen=True)
class Parity:
    """How close an artifact's answers on the golden inputs are to PyTorch's in float32.

    Attributes:
        max_mask_error: largest absolute difference of a mask logit.
        mask_sqnr_db: signal to error power of all mask logits; None when there is no error.
        min_mask_iou: smallest over all cases and masks, at the mask threshold.
        mean_mask_iou: mean over all cases and masks.
        max_iou_error: largest absolute difference of a predicted IoU.
    """

    max_mask_error: float
    mask_sqnr_db: float | None
    min_mask_iou: float
    mean_mask_iou: float
    max_iou_error: float


@dataclass(frozen=True)
class Artifact:
    """One exported file, or directory in the case of an .mlpackage.

    Attributes:
        file: relative to the manifest.
        precision: name of its scheme.
        keep_float: blocks of the network that stayed in float though the scheme quantizes.
        sha256: of the file; of a directory as `artifacts.sha256_of` defines it.
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
        previous: an earlier case of the same photo whose mask 0 is the previous mask.
    """

    name: str
    clicks: tuple[Click, ...]
    box: tuple[int, ...] | None
    previous: str | None


@dataclass(frozen=True)
class GoldenFile:
    """The cases of one photo, as an .npz.

    `image` is uint8 [1, 3, S, S], the letterboxed bytes; `prompt_maps`, `prompt_tokens`,
    `low_res_masks` and `iou_predictions` are float32 with one row a case.
    """

    file: str
    sha256: str
    photo: str
    width: int
    height: int
    cases: tuple[GoldenCase, ...]


@dataclass(frozen=True)
class Manifest:
    """All of manifest.json.

    Attributes:
        calibration_photos: on which the ranges of int8 activations were seen; empty where no
            artifact has any.
    """

    schema_version: int
    variant: str
    weights_sha256: str
    contract: Contract
    artifacts: tuple[Artifact, ...]
    golden: tuple[GoldenFile, ...]
    calibration_photos: tuple[str, ...]
    tool_versions: dict[str, str | None]
    git_commit: str | None
    created: str
    command: str


def write_manifest(manifest: Manifest, directory: Path) -> None:
    """Write manifest.json into an export directory."""
    text = json.dumps(dataclasses.asdict(manifest), indent=2, allow_nan=False)
    (directory / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(directory: Path) -> Manifest:
    """Read and check manifest.json.

    Raises:
        ArtifactError: missing, damaged, of another schema version, or of another contract than
            this version's predictor follows.
    """
    path = directory / MANIFEST_NAME
    try:
        content = strict_json.parse(path.read_text(encoding="utf-8"))
        version = content.get("schema_version") if isinstance(content, dict) else None
        if type(version) is int and version != SCHEMA_VERSION:
            raise ArtifactError(
                f"{path} has schema version {version}, this squeezesam reads {SCHEMA_VERSION}; "
                "use the squeezesam that wrote it or export again"
            )
        manifest = strict_json.decode(Manifest, content)
    except OSError as error:
        raise ArtifactError(
            f"{directory} is no export directory: {MANIFEST_NAME}: {error.strerror}; "
            "name what 'squeezesam export --out' wrote"
        ) from error
    except (JsonError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} is damaged: {error}; export again") from error
    if manifest.contract != contract(manifest.contract.input_size):
        raise ArtifactError(
            f"{path} has other inputs, outputs or encodings than this version; export again"
        )
    for artifact in manifest.artifacts:
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
    return manifest
