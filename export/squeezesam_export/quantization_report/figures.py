"""Figures of a report, computed from its raw values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from squeezesam.evaluation.protocol import PERCENT
from squeezesam.evaluation.statistics import Interval, mean_interval
from squeezesam_export.quantization_report.records import Block, FloatAnswer, Results, Variant

ALL_BLOCKS = "all blocks"


@dataclass(frozen=True)
class Row:
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


def rows(results: Results) -> list[Row]:
    """All blocks together, then each."""
    everything = fully_quantized(results)
    total_parameters = sum(block.parameters for block in results.blocks)
    total_macs = sum(block.macs for block in results.blocks)
    first = Row(
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
            Row(
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


def sqnr(block: Block, variant: Variant, objects: Sequence[FloatAnswer]) -> float:
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
