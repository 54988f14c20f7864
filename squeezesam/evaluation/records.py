"""Results of an evaluation: raw values of every object, no statistic; JSON and back."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from squeezesam import strict_json
from squeezesam.data.records import Skipped
from squeezesam.errors import DataError
from squeezesam.files import PathLike
from squeezesam.spec import PointLabel
from squeezesam.strict_json import JsonError, shown

SCHEMA_VERSION = 2
"""2: predicted IoUs and labels of clicks; the folder that a data set was found in."""

MAX_IOU = 1e6
"""In size; the IoUs that networks predict may lie outside of 0..1."""


@dataclass(frozen=True)
class ObjectResult:
    """How the attempts at one object went.

    Attributes:
        photo: name of the photo.
        place: index of the photo in its data set.
        index: place of the object among the photo's annotations.
        area: area of the object in pixels.
        photo_pixels: width times height.
        ious: IoU of each attempt, 0..1.
        boundary_ious: boundary IoU of each attempt, 0..1.
        predicted_ious: what the predictor says of each attempt; none where it says nothing.
        labels: label of the newest click of each attempt, as in `squeezesam.spec.PointLabel`; PAD
            where there is no click.

    Raises:
        ValueError: a number is out of range, or there is not one for each attempt.
    """

    photo: str
    place: int
    index: int
    area: int
    photo_pixels: int
    ious: tuple[float, ...]
    boundary_ious: tuple[float, ...]
    predicted_ious: tuple[float, ...] = ()
    labels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.place, self.index, self.area) < 0 or self.photo_pixels < 1:
            raise ValueError("place, index and area must not be negative, nor a photo empty")
        if not self.ious or len(self.boundary_ious) != len(self.ious):
            raise ValueError("there must be an IoU and a boundary IoU for each attempt")
        numbers = (*self.ious, *self.boundary_ious, *self.predicted_ious)
        if any(abs(number) > MAX_IOU for number in numbers):
            raise ValueError(f"no IoU may be beyond {MAX_IOU:g}")
        for name in ("predicted_ious", "labels"):
            if len(getattr(self, name)) not in (0, len(self.ious)):
                raise ValueError(f"{name} must be none, or one for each attempt")
        if not {*self.labels} <= {*PointLabel}:
            raise ValueError(f"labels must be of {', '.join(map(str, map(int, PointLabel)))}")


@dataclass(frozen=True)
class ProtocolResult:
    """All objects of one data set under one protocol.

    Attributes:
        protocol: name in `squeezesam.evaluation.protocols.PROTOCOLS`.
        options: its fields.
        definition: what was done, for readers of the file.
        objects: at least one.
    """

    protocol: str
    options: dict[str, int]
    definition: str
    objects: tuple[ObjectResult, ...]


@dataclass(frozen=True)
class DataResult:
    """One data set.

    Attributes:
        name: name of its folder.
        photos: number of photos that were evaluated.
        skipped: photos and annotations that could not be used.
        protocols: one entry each.
        parent: name of the folder that was given and that this data set was found in; empty where
            the data set itself was given.
    """

    name: str
    photos: int
    skipped: tuple[Skipped, ...]
    protocols: tuple[ProtocolResult, ...]
    parent: str = ""


@dataclass(frozen=True)
class EvaluatedModel:
    """What was evaluated.

    Attributes:
        name: the model's file name, or the baseline as it was named.
        files: SHA-256 of each file that it consists of, by name.
        input_size: side of the network's square input, where it was chosen.
        interpreter: what ran an artifact in place of its own runtime.
    """

    name: str
    files: dict[str, str]
    input_size: int | None = None
    interpreter: str | None = None

    @property
    def label(self) -> str:
        """For a row of a table."""
        size = "" if self.input_size is None else f" at {self.input_size} px"
        return self.name + size + (f" ({self.interpreter})" if self.interpreter else "")


@dataclass(frozen=True)
class Evaluation:
    """One run of `squeezesam eval`.

    Attributes:
        schema_version: SCHEMA_VERSION.
        command: what was typed.
        started_at: ISO 8601, UTC.
        subject: what was evaluated.
        tools: version of each package that can shape a result.
        machine: what the machine says of itself.
        data: one entry for each data set.
    """

    schema_version: int
    command: str
    started_at: str
    subject: EvaluatedModel
    tools: dict[str, str]
    machine: dict[str, str]
    data: tuple[DataResult, ...]


def write_evaluation(evaluation: Evaluation, path: PathLike) -> None:
    """Write a results file."""
    text = json.dumps(dataclasses.asdict(evaluation), indent=1)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read_evaluation(path: PathLike) -> Evaluation:
    """Read a results file.

    Raises:
        DataError: missing, or not a results file of this schema version.
    """
    try:
        content = strict_json.read(Path(path))
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version != SCHEMA_VERSION:
            raise JsonError(f"its schema version is {shown(version)}")
        return strict_json.decode(Evaluation, content)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; name a results.json") from error
    except JsonError as error:
        raise DataError(
            f"{path} is no result of schema version {SCHEMA_VERSION} ({error}); "
            "run `squeezesam eval --out` again"
        ) from error
