"""Results of a quantize-report: raw values of every object, no statistic; JSON and back."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from squeezesam import strict_json
from squeezesam.data.records import Skipped
from squeezesam.errors import DataError
from squeezesam.strict_json import JsonError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Block:
    """A block of the network.

    Attributes:
        name: as `squeezesam export --keep-float` takes it.
        parameters: number of its weights.
        macs: multiply-accumulates of one inference.
        outputs: names of the graph's nodes whose values leave it.
    """

    name: str
    parameters: int
    macs: int
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Data:
    """A data set.

    Attributes:
        name: of its folder.
        photos: that were evaluated.
        skipped: photos and annotations that could not be used.
    """

    name: str
    photos: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class FloatAnswer:
    """An object and the float network's answer to it.

    Attributes:
        data: name of the data set.
        photo: name of the photo.
        place: of the photo in its data set.
        index: place of the object among the photo's annotations.
        iou: of mask 0 with the object, 0..1.
        signal: sum of squares of each block output, by node.
    """

    data: str
    photo: str
    place: int
    index: int
    iou: float
    signal: dict[str, float]


@dataclass(frozen=True)
class QuantizedAnswer:
    """A quantized network's answer to the same inputs.

    Attributes:
        iou: of mask 0 with the object, 0..1.
        iou_to_float: of mask 0 with the float network's, 0..1.
        noise: sum of squared differences to float of the outputs of quantized blocks, by node.
    """

    iou: float
    iou_to_float: float
    noise: dict[str, float]


@dataclass(frozen=True)
class Variant:
    """The network with some blocks quantized, the others in float32.

    Attributes:
        quantized: names of blocks.
        answers: one for each object, in the order of `Results.objects`.
    """

    quantized: tuple[str, ...]
    answers: tuple[QuantizedAnswer, ...]


@dataclass(frozen=True)
class Results:
    """One run of `squeezesam quantize-report`.

    Attributes:
        schema_version: SCHEMA_VERSION.
        command: what was typed.
        created: YYYY-MM-DD, UTC.
        git_commit: of the source; None where it is unknown.
        network: the variant of the weights.
        weights: their file's name.
        weights_sha256: of that file.
        size: side of the input in pixels.
        click: the number of the click that was answered, the ones before it were answered by the
            float network.
        calibration_photos: names of the photos that the ranges of activations were seen on.
        tools: version of each package that can shape a result.
        machine: what the machine says of itself.
        blocks: in the order of the network.
        data: one entry for each data set.
        objects: at least one.
        variants: all blocks quantized, each alone, and some with one block in float.
    """

    schema_version: int
    command: str
    created: str
    git_commit: str | None
    network: str
    weights: str
    weights_sha256: str
    size: int
    click: int
    calibration_photos: tuple[str, ...]
    tools: dict[str, str]
    machine: dict[str, str]
    blocks: tuple[Block, ...]
    data: tuple[Data, ...]
    objects: tuple[FloatAnswer, ...]
    variants: tuple[Variant, ...]


def write_results(results: Results, path: Path) -> None:
    """Write a results file."""
    text = json.dumps(dataclasses.asdict(results), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        DataError: missing, or not a results file of this schema version.
    """
    try:
        results = strict_json.decode(Results, strict_json.read(path))
        if results.schema_version != SCHEMA_VERSION:
            raise JsonError(f"schema version {results.schema_version}")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; name a report.json") from error
    except JsonError as error:
        raise DataError(
            f"{path} is no result of schema version {SCHEMA_VERSION} ({error}); "
            "run `squeezesam quantize-report` again"
        ) from error
    return results
