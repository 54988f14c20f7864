"""Results of a quantize-report: raw values of every object, no statistic; JSON and back."""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezesam import strict_json
from squeezesam.data.records import Skipped
from squeezesam.errors import DataError
from squeezesam.evaluation.protocol import PERCENT
from squeezesam.evaluation.statistics import Interval, mean_interval
from squeezesam.strict_json import JsonError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class QuantizedBlock:
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
    blocks: tuple[QuantizedBlock, ...]
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


ALL_BLOCKS = "all blocks"


@dataclass(frozen=True)
class ReportRow:
    """What quantizing a block does.

    Attributes:
        name: of the block, or ALL_BLOCKS.
        parameters: percent of the network's.
        macs: percent of the network's.
        accumulated_sqnr: in dB, of its outputs when all blocks are quantized.
        own_sqnr: in dB, of its outputs when only it is quantized.
        to_float: mask IoU with the float network in percent when only it is quantized.
        lost: points of mIoU when only it is quantized.
    """

    name: str
    parameters: float
    macs: float
    accumulated_sqnr: float | None
    own_sqnr: float | None
    to_float: float
    lost: Interval


@dataclass(frozen=True)
class KeptRow:
    """What keeping a block in float gains while all others are quantized.

    Attributes:
        name: of the block.
        to_float: mask IoU with the float network in percent.
        lost: points of mIoU compared with the float network.
        won_back: points of mIoU compared with all blocks quantized.
    """

    name: str
    to_float: float
    lost: Interval
    won_back: Interval

    @property
    def pays(self) -> bool:
        """Whether the gain is beyond chance."""
        return self.won_back.low > 0


def rows(results: Results) -> list[ReportRow]:
    """All blocks together, then each."""
    everything = fully_quantized(results)
    total_parameters = sum(block.parameters for block in results.blocks)
    total_macs = sum(block.macs for block in results.blocks)
    first = ReportRow(
        ALL_BLOCKS,
        PERCENT,
        PERCENT,
        None,
        None,
        mask_iou_to_float(everything),
        lost(everything, results.objects),
    )
    alone = {variant.quantized: variant for variant in results.variants}
    return [
        first,
        *(
            ReportRow(
                block.name,
                PERCENT * block.parameters / total_parameters,
                PERCENT * block.macs / total_macs,
                sqnr(block, everything, results.objects),
                sqnr(block, alone[block.name,], results.objects),
                mask_iou_to_float(alone[block.name,]),
                lost(alone[block.name,], results.objects),
            )
            for block in results.blocks
        ),
    ]


def kept_rows(results: Results) -> list[KeptRow]:
    """A row for each block that was tried in float with all others quantized."""
    everything = fully_quantized(results)
    found = []
    for variant in results.variants:
        kept = [block.name for block in results.blocks if block.name not in variant.quantized]
        if len(kept) == 1:
            gains = [
                PERCENT * (ours.iou - theirs.iou)
                for ours, theirs in zip(variant.answers, everything.answers, strict=True)
            ]
            row = KeptRow(
                kept[0],
                mask_iou_to_float(variant),
                lost(variant, results.objects),
                mean_interval(gains, photos(results.objects)),
            )
            found.append(row)
    return found


def fully_quantized(results: Results) -> Variant:
    """The network with all blocks quantized."""
    return next(one for one in results.variants if len(one.quantized) == len(results.blocks))


def mask_iou_to_float(variant: Variant) -> float:
    """Mean over objects in percent."""
    return PERCENT * sum(one.iou_to_float for one in variant.answers) / len(variant.answers)


def lost(variant: Variant, objects: Sequence[FloatAnswer]) -> Interval:
    """Points of mIoU that the float network has more, object by object."""
    losses = [
        PERCENT * (ours.iou - theirs.iou)
        for ours, theirs in zip(objects, variant.answers, strict=True)
    ]
    return mean_interval(losses, photos(objects))


def photos(objects: Sequence[FloatAnswer]) -> list[str]:
    """The photo of each object, unlike any of another data set."""
    return [f"{one.data}/{one.photo}" for one in objects]


def sqnr(block: QuantizedBlock, variant: Variant, objects: Sequence[FloatAnswer]) -> float:
    """Signal to noise of a block's outputs in dB, of the noisiest where it has several."""
    return min(
        decibels(
            sum(one.signal[node] for one in objects),
            sum(one.noise[node] for one in variant.answers),
        )
        for node in block.outputs
    )


def decibels(signal: float, noise: float) -> float:
    """A ratio of energies; infinity without noise."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
